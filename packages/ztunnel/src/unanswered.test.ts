import { describe, expect, it } from 'vitest';
import { UNANSWERED_SLOTS, UnansweredConnections } from './unanswered.ts';

describe('UnansweredConnections', () => {
  it('shows another thread what was noted and not cleared', () => {
    const memory = UnansweredConnections.allocate();
    const unanswered = new UnansweredConnections(memory);
    const first = unanswered.note({ fd: 0, pod: 7, acceptedAt: 'outbound' });
    unanswered.note({ fd: 41, pod: 8, acceptedAt: 'plaintext' });
    expect(UnansweredConnections.read(memory)).toEqual([
      { fd: 0, pod: 7, acceptedAt: 'outbound' },
      { fd: 41, pod: 8, acceptedAt: 'plaintext' },
    ]);
    unanswered.clear(first);
    expect(UnansweredConnections.read(memory)).toEqual([{ fd: 41, pod: 8, acceptedAt: 'plaintext' }]);
  });

  it('notes no more than it has room for, and has room again after clearing', () => {
    const unanswered = new UnansweredConnections(UnansweredConnections.allocate());
    const slots = Array.from({ length: UNANSWERED_SLOTS }, (_, fd) =>
      unanswered.note({ fd, pod: 1, acceptedAt: 'outbound' }),
    );
    expect(new Set(slots).size).toBe(UNANSWERED_SLOTS);
    const full = unanswered.note({ fd: 9, pod: 1, acceptedAt: 'outbound' });
    expect(full).toBe(-1);
    unanswered.clear(full);
    unanswered.clear(slots[3] ?? -1);
    expect(unanswered.note({ fd: 9, pod: 1, acceptedAt: 'outbound' })).toBe(3);
  });
});
