import { describe, expect, it } from 'vitest';
import { LoopControl } from './loop-channel.ts';

describe('what a thread says last', () => {
  it('is heard although its end is known first', () => {
    const heard: unknown[] = [];
    const control = new LoopControl((message) => heard.push(message));
    control.channel.port.postMessage('why');
    control.channel.port.postMessage('goodbye');
    control.reap();
    control.reap();
    expect(heard).toEqual(['why', 'goodbye']);
  });
});
