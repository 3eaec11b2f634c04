import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';

describe('the command line of a cluster', () => {
  it('leaves everything behind the node to the command', () => {
    expect(parseArguments(['in', '@b', 'nft', '--json', 'list', 'ruleset'])).toEqual({
      verb: 'in',
      node: 'b',
      argv: ['nft', '--json', 'list', 'ruleset'],
    });
    expect(parseArguments(['in', 'kubectl', 'get', 'pods', '-A'])).toMatchObject({ node: undefined });
  });

  it('has two nodes unless told otherwise', () => {
    expect(parseArguments(['up'])).toEqual({ verb: 'up', nodes: 2 });
    expect(parseArguments(['up', '--nodes', '3'])).toEqual({ verb: 'up', nodes: 3 });
  });

  it.each([
    [['up', '--nodes', 'x'], '--nodes x: must be a number'],
    [['up', '--speed', '1'], "Unknown option '--speed'"],
    [['in'], 'name a command'],
    [['in', '@a'], 'name a command'],
    [['down', 'now'], 'down takes no now'],
    [['load'], 'name image archives'],
    [['sideways'], 'unknown command "sideways"'],
  ])('refuses %j', (words, why) => {
    expect(() => parseArguments(words)).toThrow(why);
  });
});
