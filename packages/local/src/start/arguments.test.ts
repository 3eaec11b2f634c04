import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';

describe('the command line', () => {
  it('starts the shop when nothing is said', () => {
    expect(parseArguments([])).toMatchObject({ manifests: undefined, check: false, help: false });
  });

  it('takes a directory and the options of a check', () => {
    expect(parseArguments(['my/manifests', '--check', '--json', 'out.json', '--only', 'greeting', '--full'])).toEqual({
      manifests: 'my/manifests',
      check: true,
      full: true,
      only: 'greeting',
      json: 'out.json',
      help: false,
    });
  });

  it.each([[['--chek']], [['--json', 'x']], [['--check', '--json']], [['a', 'b']]])('refuses %j', (words) => {
    expect(() => parseArguments(words)).toThrow(/AMBIT_USAGE|--help/);
  });
});
