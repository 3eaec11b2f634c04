import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import { close } from '@ambit/native/descriptor';
import { EAGAIN } from '@ambit/native/errno';
import { allocate } from '@ambit/native/memory';
import {
  acceptSeqpacket,
  connectSeqpacket,
  listenSeqpacket,
  receivePacket,
  sendPacket,
} from '@ambit/native/unix-socket';
import { WorkloadRequestSchema } from '@ambit/proto/zds';
import { ZdsAgent } from './agent.ts';
import { decodeResponse, encodeHello, encodeRequest } from './messages.ts';
import { NotingProxy, Surroundings, until } from './test-owner.ts';

const INFO = { name: 'web', namespace: 'shop', serviceAccount: 'web' };
const memory = allocate(4096);

/** One end of a connection, driven packet by packet. */
class Puppet {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  send(packet: Uint8Array, descriptors: readonly number[] = []): void {
    memory.bytes.set(packet);
    expect(sendPacket(this.fd, memory.address, packet.length, descriptors)).toBe(packet.length);
  }

  /** The next packet; undefined when the other end closed. */
  async receive(): Promise<Uint8Array | undefined> {
    let length = -EAGAIN;
    await until(() => {
      length = receivePacket(this.fd, memory.address, 4096, 4);
      return length !== -EAGAIN;
    }, 'a packet');
    return length <= 0 ? undefined : Uint8Array.from(memory.bytes.subarray(0, length));
  }

  async ack(): Promise<string> {
    const packet = await this.receive();
    if (packet === undefined) throw new Error('closed');
    const response = decodeResponse(packet);
    if (response.kind !== 'ack') throw new Error(`no acknowledgement but ${response.kind}`);
    return response.error;
  }

  close(): void {
    close(this.fd);
  }
}

describe('a proxy under an agent that misbehaves', () => {
  let surroundings: Surroundings;
  let listener: number;
  let proxy: NotingProxy;
  let puppets: Puppet[];

  const accept = async (): Promise<Puppet> => {
    let fd = -1;
    await until(() => (fd = acceptSeqpacket(listener)) >= 0, 'the proxy connects');
    const puppet = new Puppet(fd);
    puppets.push(puppet);
    expect(await puppet.receive()).toEqual(encodeHello());
    return puppet;
  };

  beforeEach(() => {
    surroundings = new Surroundings();
    puppets = [];
    listener = listenSeqpacket(surroundings.path, 8);
    proxy = new NotingProxy(surroundings.path);
  });
  afterEach(async () => {
    await proxy.client.close();
    for (const puppet of puppets) puppet.close();
    close(listener);
    surroundings.remove();
  });

  const add = (uid: string): Uint8Array => encodeRequest({ kind: 'add', uid, info: INFO, plaintextRedirected: false });
  const SNAPSHOT_SENT = encodeRequest({ kind: 'snapshotSent' });

  it.each<[string, () => [Uint8Array, number[]], RegExp]>([
    ['garbage', () => [Uint8Array.of(0xff, 0xff), []], /cannot be decoded/],
    ['a request of an unknown kind', () => [Uint8Array.of(0x3a, 0), []], /not known/],
    ['a packet longer than 1024 bytes', () => [new Uint8Array(1025), []], /a ZDS packet was lost/],
    [
      'two descriptors',
      () => [add('a'), [surroundings.namespace('a'), surroundings.namespace('b')]],
      /a ZDS packet was lost/,
    ],
    [
      'a descriptor with Keep',
      () => [encodeRequest({ kind: 'keep', uid: 'a' }), [surroundings.namespace('a')]],
      /a descriptor came with keep/,
    ],
  ])('%s: it connects again, serves what it served, and says so', async (_name, message, complaint) => {
    const first = await accept();
    first.send(add('good'), [surroundings.namespace('good')]);
    expect(await first.ack()).toBe('');
    const [packet, descriptors] = message();
    first.send(packet, descriptors);
    expect(await first.receive()).toBeUndefined();
    const second = await accept();
    expect(proxy.problems.join()).toMatch(complaint);
    second.send(encodeRequest({ kind: 'keep', uid: 'good' }));
    expect(await second.ack()).toBe('');
    second.send(SNAPSHOT_SENT);
    expect(await second.ack()).toBe('');
    await proxy.synced();
    expect(proxy.notes).toEqual(['add good shop/web/web']);
  });

  it.each<[string, () => Uint8Array, () => number[], string]>([
    ['without a descriptor', () => add('a'), () => [], 'no network namespace came with it'],
    [
      'without workload_info',
      () =>
        toBinary(
          WorkloadRequestSchema,
          create(WorkloadRequestSchema, { payload: { case: 'add', value: { uid: 'a' } } }),
        ),
      () => [surroundings.namespace('a')],
      'it has no workload_info, so its identity is not known',
    ],
  ])('Add %s: that pod is refused, the others are served', async (_name, packet, descriptors, error) => {
    const agent = await accept();
    agent.send(packet(), descriptors());
    expect(await agent.ack()).toBe(error);
    agent.send(add('good'), [surroundings.namespace('good')]);
    expect(await agent.ack()).toBe('');
    agent.send(SNAPSHOT_SENT);
    expect(await agent.ack()).toBe('');
    await proxy.synced();
    expect(proxy.notes).toEqual(['add good shop/web/web']);
    expect(proxy.problems).toEqual([`AMBIT_ZDS_PROTOCOL: the agent added pod a, but ${error}`]);
  });

  it.each([
    ['Keep', encodeRequest({ kind: 'keep', uid: 'a' }), /Keep after its snapshot/],
    ['the end of a snapshot', SNAPSHOT_SENT, /ended its snapshot twice/],
  ])('%s after the snapshot ends the connection', async (_name, packet, complaint) => {
    const agent = await accept();
    agent.send(SNAPSHOT_SENT);
    await agent.ack();
    agent.send(packet);
    expect(await agent.receive()).toBeUndefined();
    await accept();
    expect(proxy.problems.join()).toMatch(complaint);
  });

  it('an agent gone in the middle of its snapshot takes no pod with it', async () => {
    const first = await accept();
    first.send(add('a'), [surroundings.namespace('a')]);
    await first.ack();
    first.send(add('b'), [surroundings.namespace('b')]);
    await first.ack();
    first.send(SNAPSHOT_SENT);
    await first.ack();
    first.close();
    puppets.pop();
    const second = await accept();
    second.send(encodeRequest({ kind: 'keep', uid: 'a' }));
    await second.ack();
    second.close();
    puppets.pop();
    const third = await accept();
    expect(proxy.notes).toEqual(['add a shop/web/web', 'add b shop/web/web']);
    expect(proxy.state).toMatchObject({ pods: 2, synced: true });
    third.send(encodeRequest({ kind: 'keep', uid: 'b' }));
    await third.ack();
    third.send(SNAPSHOT_SENT);
    await third.ack();
    await until(() => proxy.notes.includes('unnamed a'), 'the pod that was not named leaves');
    expect(proxy.notes).toHaveLength(3);
  });

  it('an agent that is away is tried again and again, and named once', async () => {
    close(listener);
    for (const puppet of puppets.splice(0)) puppet.close();
    await until(() => proxy.problems.some((problem) => problem.includes('AMBIT_ZDS_UNREACHABLE')), 'it complains');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(proxy.problems.filter((problem) => problem.includes('AMBIT_ZDS_UNREACHABLE'))).toHaveLength(1);
    listener = listenSeqpacket(`${surroundings.path}.new`, 8);
    const { renameSync } = await import('node:fs');
    renameSync(`${surroundings.path}.new`, surroundings.path);
    await accept();
  });
});

describe('an agent with proxies that misbehave', () => {
  let surroundings: Surroundings;
  let agent: ZdsAgent;
  const problems: string[] = [];

  beforeEach(async () => {
    surroundings = new Surroundings();
    problems.length = 0;
    agent = await ZdsAgent.listen({
      path: surroundings.path,
      clock: systemClock,
      onProblem: ({ message }) => problems.push(message),
    });
  });
  afterEach(async () => {
    await agent.close();
    surroundings.remove();
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['greets in another version', Uint8Array.of(8, 7), /version 7/],
    ['greets with garbage', Uint8Array.of(0xff), /cannot be decoded/],
    ['greets at length', new Uint8Array(2000), /a ZDS packet was lost/],
  ])('one that %s is cut off', async (_name, greeting, complaint) => {
    const proxy = new Puppet(connectSeqpacket(surroundings.path));
    proxy.send(greeting);
    expect(await proxy.receive()).toBeUndefined();
    proxy.close();
    await until(() => problems.some((problem) => complaint.test(problem)), 'the agent says why');
  });

  it('one that sends a descriptor is cut off', async () => {
    const proxy = new Puppet(connectSeqpacket(surroundings.path));
    proxy.send(encodeHello(), [surroundings.namespace('x')]);
    expect(await proxy.receive()).toBeUndefined();
    proxy.close();
  });

  it('one that connects again and again is taken five times a second', async () => {
    const connections = Array.from({ length: 7 }, () => new Puppet(connectSeqpacket(surroundings.path)));
    for (const connection of connections) connection.send(encodeHello());
    const [first, , , , fifth, sixth] = connections;
    expect(await first?.receive()).toEqual(encodeRequest({ kind: 'snapshotSent' }));
    expect(await fifth?.receive()).toEqual(encodeRequest({ kind: 'snapshotSent' }));
    expect(receivePacket(sixth?.fd ?? -1, memory.address, 4096, 1)).toBe(-EAGAIN);
    const started = performance.now();
    expect(await sixth?.receive()).toEqual(encodeRequest({ kind: 'snapshotSent' }));
    expect(performance.now() - started).toBeGreaterThan(500);
    for (const connection of connections) connection.close();
  });
});
