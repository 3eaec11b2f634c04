import { expect, it } from 'vitest';
import { AmbitError } from '@ambit/core/errors';
import { Ledger } from '@ambit/native/ledger';
import type { HandleKind } from '@ambit/native/openssl-handle';
import { testCertificate } from '@ambit/native/test-certificates';
import { createUpstreamTlsContext } from '@ambit/native/upstream-tls-context';
import { closeLayeredSession, openLayeredSession } from './layered-session.ts';

const { certificatePem: rootsPem } = testCertificate({ authority: true });

/** Has room for so many objects. */
class SmallLedger extends Ledger {
  readonly #room: number;
  constructor(room: number) {
    super(Ledger.allocate());
    this.#room = room;
  }

  override addObject(kind: HandleKind, address: number): number {
    if (this.size().objects >= this.#room) throw new AmbitError('AMBIT_LEDGER', 'full');
    return super.addObject(kind, address);
  }
}

it.each([0, 1, 2])('a session for which a ledger with room for %i has no place leaves nothing there', (room) => {
  const context = createUpstreamTlsContext({ rootsPem });
  const ledger = new SmallLedger(room);
  expect(() => openLayeredSession(ledger, { context, serverName: 'a.example', protocols: ['h2'] })).toThrow('full');
  expect(ledger.size().objects).toBe(0);
  context.free();
});

it('a session that is closed leaves nothing in the ledger', () => {
  const context = createUpstreamTlsContext({ rootsPem });
  const ledger = new SmallLedger(3);
  const session = openLayeredSession(ledger, { context, serverName: '', protocols: [] });
  expect(ledger.size().objects).toBe(3);
  closeLayeredSession(ledger, session);
  expect(ledger.size().objects).toBe(0);
  context.free();
});
