import { describe, expect, it } from 'vitest';
import { HTTP_FLAG_FACTS, HTTP_FLAGS } from './http-response-flags.ts';
import { flagSet, formatFlags, NO_FLAGS, parseFlags } from './response-flag-set.ts';
import { RESPONSE_FLAGS } from './response-flags.ts';

describe('a set of response flags', () => {
  it('is read and written as Envoy writes it', () => {
    expect(formatFlags(NO_FLAGS)).toBe('-');
    expect(formatFlags(flagSet('URX', 'UF'))).toBe('UF,URX');
    expect(parseFlags('UF,URX')).toBe(flagSet('UF', 'URX'));
    expect(parseFlags('UPE,UO')).toBe(parseFlags('UO,UPE'));
    expect(parseFlags('-')).toBe(NO_FLAGS);
    expect(parseFlags('UF,nonsense')).toBe(flagSet('UF'));
    for (const flag of HTTP_FLAGS) expect(formatFlags(parseFlags(flag))).toBe(flag);
    expect(formatFlags(flagSet(...HTTP_FLAGS))).toBe(HTTP_FLAGS.join(','));
  });

  it('says what it means and what the client gets', () => {
    expect(HTTP_FLAG_FACTS.NR.status).toBe(404);
    expect(HTTP_FLAG_FACTS.UT.status).toBe(504);
    for (const flag of HTTP_FLAGS) expect(RESPONSE_FLAGS).toContain(flag);
    expect(new Set(RESPONSE_FLAGS).size).toBe(RESPONSE_FLAGS.length);
  });
});
