import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { close, openReadOnly } from './descriptor.ts';
import { Ledger } from './ledger.ts';
import { HANDLE_BIO, HANDLE_SESSION } from './openssl-handle.ts';
import { seqpacketPair } from './unix-socket.ts';
import { freeBioPair, newBioPair, newSession } from './tls-session.ts';
import { createTlsContext } from './tls-context.ts';
import { testCertificate } from './test-certificates.ts';

function openFiles(): Set<string> {
  return new Set(readdirSync('/proc/self/fd'));
}

describe('the ledger of a thread', () => {
  it('closes exactly what is still noted, and only once', () => {
    const before = openFiles();
    const memory = Ledger.allocate();
    const ledger = new Ledger(memory);
    const [left, right] = seqpacketPair();
    const kept = openReadOnly('/dev/null');
    for (const fd of [left, right, kept]) ledger.addDescriptor(fd);
    ledger.removeDescriptor(kept);
    expect(ledger.size()).toEqual({ descriptors: 2, objects: 0 });
    expect(new Ledger(memory).closeAll()).toBe(2);
    expect(ledger.closeAll()).toBe(0);
    expect(openFiles()).toEqual(new Set([...before, String(kept)]));
    close(kept);
  });

  it('frees OpenSSL objects and reuses the slots of those that were freed before', () => {
    const root = testCertificate({ authority: true });
    const leaf = testCertificate({ issuer: root });
    const material = {
      side: 'server' as const,
      certificateChainPem: leaf.certificatePem,
      privateKeyPem: leaf.privateKeyPem,
      rootsPem: root.certificatePem,
    };
    const ledger = new Ledger(Ledger.allocate());
    createTlsContext({ ...material, ledger }).free();
    expect(ledger.size().objects).toBe(0);
    const context = createTlsContext({ ...material, ledger });
    const first = newBioPair(1000);
    const slots = [ledger.addObject(HANDLE_BIO, first.readEnd), ledger.addObject(HANDLE_BIO, first.writeEnd)];
    slots.forEach((slot) => ledger.removeObject(slot));
    freeBioPair(first);
    expect(ledger.size().objects).toBe(1);
    const fd = openReadOnly('/dev/null');
    expect(ledger.addObject(HANDLE_SESSION, newSession(context, fd))).toBe(slots[1]);
    const second = newBioPair(1000);
    expect(ledger.addObject(HANDLE_BIO, second.readEnd)).toBe(slots[0]);
    expect(ledger.addObject(HANDLE_BIO, second.writeEnd)).toBe(3);
    expect(ledger.size().objects).toBe(4);
    expect(ledger.closeAll()).toBe(4);
    close(fd);
  });

  it('closes what a terminated thread left open', async () => {
    const before = openFiles();
    const memory = Ledger.allocate();
    const sources = {
      ledger: new URL('./ledger.ts', import.meta.url).href,
      unix: new URL('./unix-socket.ts', import.meta.url).href,
    };
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       Promise.all([import(workerData.ledger), import(workerData.unix)]).then(([{ Ledger }, { seqpacketPair }]) => {
         const ledger = new Ledger(workerData.memory);
         for (let count = 0; count < 100; count += 1) seqpacketPair().forEach((fd) => ledger.addDescriptor(fd));
         parentPort.postMessage('open');
         for (;;);
       });`,
      { eval: true, workerData: { ...sources, memory } },
    );
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(openFiles().size).toBeGreaterThanOrEqual(before.size + 200);
    await worker.terminate();
    expect(new Ledger(memory).closeAll()).toBe(200);
    expect(openFiles().size).toBeLessThanOrEqual(before.size);
  });

  it('refuses a descriptor it has no room for', () => {
    const ledger = new Ledger(Ledger.allocate());
    expect(() => ledger.addDescriptor(2_000_000)).toThrow('RLIMIT_NOFILE');
    expect(() => ledger.addDescriptor(-1)).toThrow('descriptor -1');
  });
});
