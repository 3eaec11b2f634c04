import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpListener } from './http-listener.ts';

const ADDRESS = '127.0.0.1:15977';
let listener: HttpListener | undefined;

afterEach(() => {
  listener?.destroy();
  listener = undefined;
});

/** The status line that a raw request is answered with. */
async function ask(request: string): Promise<string> {
  const socket = connect(15977, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.end(request);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer.split('\r\n')[0] ?? '';
}

describe('the listener for operators', () => {
  it('survives request targets that are no paths', async () => {
    listener = await HttpListener.open('TEST_ADDR', ADDRESS, { 'GET /ready': () => ({ status: 200, body: 'yes' }) });
    for (const target of ['//', '///x', '*', 'http://[', '/__proto__', '/constructor']) {
      expect(await ask(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 40[04] /,
      );
    }
    expect(await ask('GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toBe('HTTP/1.1 200 OK');
  });

  it('answers 500 when a route fails, and goes on', async () => {
    listener = await HttpListener.open('TEST_ADDR', ADDRESS, {
      'GET /broken': () => Promise.reject(new Error('no data thread answers')),
    });
    expect(await ask('GET /broken HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toBe(
      'HTTP/1.1 500 Internal Server Error',
    );
    expect(await ask('POST /broken HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toBe('HTTP/1.1 404 Not Found');
  });

  it('names the variable when the address is taken or wrong', async () => {
    listener = await HttpListener.open('FIRST_ADDR', ADDRESS, {});
    await expect(HttpListener.open('SECOND_ADDR', ADDRESS, {})).rejects.toThrow(/SECOND_ADDR=.*EADDRINUSE/);
    await expect(HttpListener.open('THIRD_ADDR', 'localhost', {})).rejects.toThrow(
      /THIRD_ADDR="localhost" is not ip:port/,
    );
  });
});
