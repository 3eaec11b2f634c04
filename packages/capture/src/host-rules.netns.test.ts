import type { Socket } from 'node:net';
import { inNamespace } from '@ambit/native/namespace';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROBE_ADDRESS_V4, PROBE_ADDRESS_V6 } from './host-contract.ts';
import { addProbeTarget, hostRules, probeTargets, removeHostRules, removeProbeTarget } from './host-rules.ts';
import { PEER, Pair, POD, POD_V6 } from './test-pair.ts';
import { runTool } from './tools.ts';

const HOST = { kubeletUid: 0, ipv6: true };

describe('the rules of a node', () => {
  let pair: Pair;
  const nft = (input: string): string =>
    inNamespace(pair.peer, () => runTool('nft', ['-f', '-'], { input, purpose: 'test' }));
  const targets = (): Map<string, string> =>
    probeTargets(inNamespace(pair.peer, () => runTool('nft', ['list', 'ruleset'], { purpose: 'look' })));

  /** The source address that the application in the pod sees. */
  const seenFrom = async (ip: string): Promise<string> => await pair.connect(pair.peer, { ip, port: 80 }).ask('who');

  beforeEach(async () => {
    pair = new Pair();
    await pair.listen(pair.pod, { ip: '::', port: 80 }, 'app', (socket: Socket) => {
      socket.on('data', () => socket.write(socket.remoteAddress?.replace('::ffff:', '') ?? ''));
    });
  });
  afterEach(() => pair.close());

  it('give the probe address to what the node itself sends to enrolled pods, and to nothing else', async () => {
    nft(hostRules(HOST));
    expect(await seenFrom(POD)).toBe(PEER);
    nft(addProbeTarget(POD, 'uid-1') + addProbeTarget(POD_V6, 'uid-1'));
    expect(await seenFrom(POD)).toBe(PROBE_ADDRESS_V4);
    expect(await seenFrom(POD_V6)).toBe(PROBE_ADDRESS_V6);
    nft(removeProbeTarget(POD));
    expect(await seenFrom(POD)).toBe(PEER);
    nft(hostRules({ ...HOST, kubeletUid: 12_345 }, new Map([[POD, 'uid-1']])));
    expect(await seenFrom(POD)).toBe(PEER);
  });

  it('remember whose address it is when a newer pod gets it', () => {
    nft(hostRules(HOST, new Map([[POD, 'uid-1']])));
    nft(addProbeTarget(POD, 'uid-2') + addProbeTarget(POD_V6, 'uid-2'));
    expect(targets()).toEqual(
      new Map([
        [POD, 'uid-2'],
        [POD_V6, 'uid-2'],
      ]),
    );
    nft(hostRules(HOST));
    expect(targets()).toEqual(new Map());
    nft(removeHostRules());
    nft(removeHostRules());
  });
});
