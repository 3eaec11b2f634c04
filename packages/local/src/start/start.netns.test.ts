import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** The first request has to be seen within so many milliseconds of the start. */
const FIRST_REQUEST_WITHIN = 10_000;

let program: ChildProcess | undefined;

afterEach(() => {
  program?.kill('SIGKILL');
});

/** The program as `npm start` runs it, and what it says, line by line. */
class Started {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(...words: string[]) {
    const child = spawn(process.execPath, ['--conditions=development', MAIN, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    program = child;
    createInterface(child.stdout).on('line', (line) => {
      this.lines.push(line);
      for (const look of this.#waiting) look();
    });
  }

  /** Resolves with the first line that matches, whenever it was said. */
  said(what: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const look = (): void => {
        const line = this.lines.find((candidate) => what.test(candidate));
        if (line === undefined) return;
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
      look();
    });
  }

  async end(): Promise<number | null> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGINT');
    await ended;
    return this.child.exitCode;
  }
}

/** Processes of the mesh or its pods that run anywhere below this one. */
function meshProcesses(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        return /(ztunnel|istiod-lite|waypoint)\/dist|(storefront|catalog|payments|greeter)\.js/.test(command)
          ? [command]
          : [];
      } catch {
        return [];
      }
    });
}

describe('npm start', () => {
  it('shows who talks to whom, takes an edited manifest, names a wrong one, and leaves nothing behind', async () => {
    const begin = performance.now();
    const started = new Started();
    await started.said(/spiffe:\/\/cluster\.local\/ns\/shop\/sa\/storefront +shop\/catalog/);
    expect(performance.now() - begin).toBeLessThan(FIRST_REQUEST_WITHIN);
    expect(await started.said(/denied by PeerAuthentication shop\/only-mutual-tls/)).toContain('shop/storefront');

    const manifests = (await started.said(/^Manifests, read again/)).replace(/^.*: /, '');
    const logs = (await started.said(/^Logs, one file/)).replace(/^.*: /, '');
    const policies = join(manifests, 'policies.yaml');
    writeFileSync(policies, readFileSync(policies, 'utf8').replace('STRICT', 'PERMISSIVE'));
    const outsider = readdirSync(logs).find((name) => name.startsWith('outside.outsider')) ?? '';
    await expect.poll(() => readFileSync(join(logs, outsider), 'utf8'), { timeout: 10_000 }).toContain('was let in');

    writeFileSync(policies, readFileSync(policies, 'utf8').replace('mtls:', 'mlts:'));
    expect(await started.said(/policies\.yaml:\d+/)).toContain('did you mean mtls');

    expect(await started.end()).toBe(0);
    expect(existsSync(manifests)).toBe(false);
    expect(meshProcesses()).toEqual([]);
  });

  it('can be ended while it starts', async () => {
    const started = new Started();
    await started.said(/^Starting/);
    expect(await started.end()).toBe(130);
    expect(meshProcesses()).toEqual([]);
  });

  it('says what is wrong with its arguments, and with a directory that is not there', async () => {
    const wrong = new Started('--chek');
    expect(await once(wrong.child, 'exit')).toEqual([2, null]);
    const nowhere = new Started('/no/such/directory');
    expect(await once(nowhere.child, 'exit')).toEqual([1, null]);
    expect(meshProcesses()).toEqual([]);
  });
});
