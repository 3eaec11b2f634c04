import { describe, expect, it } from 'vitest';
import { duration, flag, integer, readEnvironment, text } from './environment.ts';

const TABLE = {
  network: text('NETWORK', '', 'network of this node'),
  workers: integer('WORKERS', 2, { min: 1, max: 64 }, 'data threads'),
  dns: flag('DNS', true, 'DNS proxy'),
  ttl: duration('SECRET_TTL', 86_400_000, 'certificate lifetime'),
};

describe('readEnvironment', () => {
  it('takes defaults for what is absent', () => {
    expect(readEnvironment(TABLE, {})).toEqual({ network: '', workers: 2, dns: true, ttl: 86_400_000 });
  });

  it('reads what is set', () => {
    expect(readEnvironment(TABLE, { NETWORK: 'n1', WORKERS: '4', DNS: 'false', SECRET_TTL: '20s' })).toEqual({
      network: 'n1',
      workers: 4,
      dns: false,
      ttl: 20_000,
    });
  });

  it('names every wrong variable at once', () => {
    expect(() => readEnvironment(TABLE, { WORKERS: '0', DNS: 'yes', SECRET_TTL: '1d' })).toThrow(
      /WORKERS="0".*DNS="yes".*SECRET_TTL="1d"/,
    );
  });
});
