import { TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_LISTEN, type TcpSocket } from '@ambit/native/tcp-sockets';
import { parseSocketAddress } from '@ambit/core/address';
import { describe, expect, it } from 'vitest';
import { directSockets } from './direct-sockets.ts';

const TIME_WAIT = 6;

/** A socket as `local remote`. */
function socket(ends: string, state = TCP_ESTABLISHED): TcpSocket {
  const [local = { ip: '::', port: 0 }, remote = { ip: '::', port: 0 }] = ends.split(' ').map(parseSocketAddress);
  return { state, local, remote, family: 2, id: new Uint8Array() };
}

const LISTENING = ['[::]:8080', '0.0.0.0:15001', '[::]:15006', '[::]:15008', '127.0.0.1:15053'].map((local) =>
  socket(`${local} 0.0.0.0:0`, TCP_LISTEN),
);

describe('the connections of a pod past its proxy', () => {
  it.each([
    ['from another pod', ['10.0.0.1:8080 10.0.0.2:40000'], 1],
    ['over IPv6', ['[fd00::1]:8080 [fd00::2]:40000'], 1],
    ['of which the client has finished writing', [socket('10.0.0.1:8080 10.0.0.2:40000', TCP_CLOSE_WAIT)], 1],
    ['that are over', [socket('10.0.0.1:8080 10.0.0.2:40000', TIME_WAIT)], 0],
    ['that the pod opened', ['10.0.0.1:40000 10.0.0.2:8080'], 0],
    ['from the proxy under a foreign address', ['10.0.0.1:8080 10.0.0.2:40000', '10.0.0.2:40000 10.0.0.1:8080'], 0],
    [
      'from the proxy, whose end is over',
      ['10.0.0.1:8080 10.0.0.2:40000', socket('10.0.0.2:40000 10.0.0.1:8080', TIME_WAIT)],
      0,
    ],
    ['from the pod itself', ['10.0.0.1:8080 10.0.0.1:40000', '10.0.0.1:40000 10.0.0.1:8080'], 0],
    ['over loopback', ['127.0.0.1:8080 127.0.0.1:40000', '[::1]:8080 [::1]:40000'], 0],
    ['of tunnels', ['10.0.0.1:15008 10.0.0.2:40000', '10.0.0.1:40000 10.0.0.2:15008'], 0],
    ['that are redirected', ['10.0.0.1:15006 10.0.0.2:40000', '127.0.0.1:15001 10.0.0.1:40000'], 0],
    ['of probes', ['10.0.0.1:8080 169.254.7.127:40000'], 0],
    ['of probes over IPv6', ['[fd00::1]:8080 [fd16:9254:7127:1337:ffff:ffff:ffff:ffff]:40000'], 0],
  ])('%s', (_which, sockets, count) => {
    const all = sockets.map((one) => (typeof one === 'string' ? socket(one) : one));
    expect(directSockets([...LISTENING, ...all])).toEqual(all.slice(0, count));
  });

  it('are none where nothing listens', () => {
    expect(directSockets([socket('10.0.0.1:8080 10.0.0.2:40000')])).toEqual([]);
  });
});
