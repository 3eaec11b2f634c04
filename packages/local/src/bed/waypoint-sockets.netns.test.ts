import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import { eventually, openBed, script } from './test-bed.ts';

/** WebSockets of HTTP/1.1 (RFC 6455) that say back what they hear, in letters: a whole frame of less than 126 octets each. */
const SERVERS = script(`
  import { createHash } from 'node:crypto';
  import { createServer } from 'node:http';
  import { createServer as createHttp2Server } from 'node:http2';
  const echo = (stream) => stream.on('data', (frame) => {
    const [opcode, size] = [frame[0] & 15, frame[1] & 127];
    if (opcode === 8) return stream.end(Buffer.from([0x88, 0]));
    const text = Buffer.from(frame.subarray(6, 6 + size).map((octet, at) => octet ^ frame[2 + (at % 4)]));
    stream.write(Buffer.concat([Buffer.from([0x81, size]), text]));
  }).on('error', () => undefined);
  createServer().on('upgrade', ({ headers }, socket) => {
    const proof = createHash('sha1').update(headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n' +
      'Sec-WebSocket-Accept: ' + proof.digest('base64') + '\\r\\n\\r\\n');
    echo(socket);
  }).listen(8001);
  createHttp2Server({ settings: { enableConnectProtocol: true } }).on('stream', (stream, headers) => {
    if (headers[':protocol'] !== 'websocket') return stream.respond({ ':status': 400 }, { endStream: true });
    stream.respond({ ':status': 200 });
    echo(stream);
  }).listen(8002);
`);

/** The runtime's own WebSocket, which speaks HTTP/1.1 and judges the proof. */
const BY_HTTP1 = (url: string): string[] =>
  script(`
  const socket = new WebSocket('${url}');
  socket.onerror = ({ message }) => console.log('failed ' + message);
  socket.onopen = () => socket.send('hello');
  socket.onmessage = ({ data }) => { console.log('heard ' + data); socket.close(); };
  socket.onclose = ({ wasClean }) => console.log('clean ' + wasClean);
`);

/** A CONNECT with a protocol by the runtime's HTTP/2, and one masked frame. */
const BY_HTTP2 = (url: string): string[] =>
  script(`
  import { once } from 'node:events';
  import { connect } from 'node:http2';
  const session = connect('${url}');
  const [settings] = await once(session, 'remoteSettings');
  console.log('offered ' + settings.enableConnectProtocol);
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13',
  });
  const [headers] = await once(stream, 'response');
  console.log('status ' + headers[':status']);
  stream.write(Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')]));
  const [frame] = await once(stream, 'data');
  console.log('heard ' + frame.subarray(2));
  stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  await once(stream.resume(), 'end');
  console.log('clean true');
  session.close();
`);

const MESH = `
{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: chat, namespace: shop }
spec:
  selector: { app: chat }
  ports: [{ name: http, port: 80, targetPort: 8001 }, { name: http2, port: 90, targetPort: 8002 }]
`;

describe('a WebSocket through a waypoint, by the client and servers of the runtime', () => {
  let bed: Bed;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ bed, close } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } } }));
    bed.apply('mesh', MESH);
    const readinessProbe = { tcpSocket: { port: 8002 } };
    await bed
      .node('b')
      .pod({ name: 'chat', namespace: 'shop', labels: { app: 'chat' }, command: SERVERS, readinessProbe });
    await bed.node('a').pod({ name: 'web', namespace: 'shop' });
    await bed.settled();
  });
  afterAll(async () => {
    await close();
  });

  it.each([
    ['HTTP/1.1', 80, 'HTTP/1.1'],
    ['HTTP/1.1', 90, 'HTTP/2'],
    ['HTTP/2', 80, 'HTTP/1.1'],
    ['HTTP/2', 90, 'HTTP/2'],
  ])('from %s to port %i of %s', async (from, port) => {
    const host = `${bed.serviceAddress('chat.shop')}:${port}`;
    const program = from === 'HTTP/2' ? BY_HTTP2(`http://${host}`) : BY_HTTP1(`ws://${host}/chat`);
    const expected = [...(from === 'HTTP/2' ? ['offered true', 'status 200'] : []), 'heard hello', 'clean true', ''];
    let said = '';
    await eventually(
      'the waypoint is there',
      async () => {
        said = (await bed.pod('shop/web').run(program, { timeout: 10_000 })).stdout;
        return said === expected.join('\n');
      },
      30_000,
    ).catch(() => {
      expect(said).toBe(expected.join('\n'));
    });
  });
});
