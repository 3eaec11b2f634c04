import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentMetrics } from '../metrics.ts';
import { ConfigFolder } from './config-folder.ts';
import { Installer } from './installer.ts';

const LIST = JSON.stringify({ cniVersion: '1.0.0', name: 'k8s', plugins: [{ type: 'bridge' }] });

describe('the installer', () => {
  let root: string;
  let installer: Installer;
  let metrics: AgentMetrics;
  let remembers = false;
  const config = (): string => readFileSync(join(root, 'net.d/10-a.conflist'), 'utf8');
  const until = async (what: string, condition: () => boolean): Promise<void> => {
    for (const end = performance.now() + 15_000; !condition(); ) {
      if (performance.now() > end) throw new Error(what);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'install-'));
    for (const folder of ['net.d', 'bin']) mkdirSync(join(root, folder));
    writeFileSync(join(root, 'plugin'), 'version 1');
    metrics = new AgentMetrics();
    installer = new Installer({
      source: join(root, 'plugin'),
      binDirectory: join(root, 'bin'),
      configDirectory: join(root, 'net.d'),
      folder: new ConfigFolder(join(root, 'net.d')),
      entry: { type: 'ambit-cni', cni_agent_run_dir: '/run/x', exclude_namespaces: [], pod_namespace: 'istio-system' },
      runtimeRemembers: () => remembers,
      clock: systemClock,
      log: createLogger('test', { level: 'silent' }),
      metrics,
    });
  });
  afterEach(() => {
    installer.destroy();
    rmSync(root, { recursive: true });
  });

  it('installs as soon as the cluster has a network, and again whatever others do to it', async () => {
    installer.start();
    expect(installer.problem).toContain('there is no network configuration');
    writeFileSync(join(root, 'net.d/10-a.conflist'), LIST);
    await until('installed', () => config().includes('ambit-cni'));
    expect(installer.problem).toBeUndefined();
    expect(statSync(join(root, 'bin/ambit-cni')).mode & 0o777).toBe(0o755);
    writeFileSync(join(root, 'net.d/10-a.conflist'), LIST);
    await until('put in again', () => config().includes('ambit-cni'));
    unlinkSync(join(root, 'bin/ambit-cni'));
    await until('copied again', () => statSync(join(root, 'bin/ambit-cni'), { throwIfNoEntry: false }) !== undefined);
    expect(metrics.text()).toContain('istio_cni_install_ready 1');
  });

  it('a new version takes the place of the old one', () => {
    writeFileSync(join(root, 'net.d/10-a.conflist'), LIST);
    writeFileSync(join(root, 'bin/ambit-cni'), 'version 0');
    installer.start();
    expect(readFileSync(join(root, 'bin/ambit-cni'), 'utf8')).toBe('version 1');
  });

  it('goes without a trace; the program stays where the runtime still needs it', async () => {
    writeFileSync(join(root, 'net.d/10-a.conflist'), LIST);
    const there = (): boolean => statSync(join(root, 'bin/ambit-cni'), { throwIfNoEntry: false }) !== undefined;
    for (remembers of [true, false]) {
      installer.start();
      expect(config()).toContain('ambit-cni');
      installer.withdraw();
      expect(JSON.parse(config())).toEqual(JSON.parse(LIST));
      installer.removeProgram();
      expect(there()).toBe(remembers);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(config()).not.toContain('ambit-cni');
  });
});
