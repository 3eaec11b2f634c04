import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrpcMessageCount } from './grpc-message-count.ts';

function framed(length: number): Buffer {
  // What is in a message may look like a prefix.
  const message = Buffer.alloc(5 + length, 1);
  message.writeUInt32BE(length, 1);
  return message;
}

describe('the messages of a call', () => {
  it('are counted wherever its content is split, and each once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(600)), fc.array(fc.nat(50), { minLength: 1 }), (lengths, steps) => {
        const content = Buffer.concat(lengths.map((length) => framed(length)));
        const messages = new GrpcMessageCount();
        let [at, counted] = [0, 0];
        for (let turn = 0; at < content.length; turn += 1) {
          const end = Math.min(content.length, at + 1 + (steps[turn % steps.length] ?? 0));
          messages.add(content, at, end);
          counted += messages.take();
          at = end;
        }
        expect(counted).toBe(lengths.length);
      }),
    );
  });

  it('count before they have come as a whole, however long they say they are', () => {
    const messages = new GrpcMessageCount();
    const begun = Buffer.from([0, 255, 255, 255, 255, 1, 2, 3]);
    messages.add(begun, 0, 4);
    expect(messages.take()).toBe(0);
    messages.add(begun, 4, begun.length);
    expect([messages.take(), messages.take()]).toEqual([1, 0]);
  });
});
