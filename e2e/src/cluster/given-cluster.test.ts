import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import { attachCluster } from './cluster.ts';

describe('a cluster that KUBECONFIG names', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ambit-given-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A program that writes down how it was called. */
  function program(name: string, says = ''): void {
    const file = join(folder, name);
    writeFileSync(
      file,
      `#!/bin/sh\necho "${name} $* with $KUBECONFIG" >>${folder}/calls\necho ${says}\ncat >>${folder}/calls\n`,
    );
    chmodSync(file, 0o755);
  }
  const calls = (): string => readFileSync(join(folder, 'calls'), 'utf8');
  const attach = (more = {}) =>
    attachCluster({
      environment: { KUBECONFIG: '/some/config', PATH: folder, XDG_CACHE_HOME: folder, ...more },
      clock: systemClock,
      say: () => undefined,
    });

  it("is reached with this machine's kubectl", async () => {
    program('kubectl', 'done');
    expect(await attach().kubectl(['apply', '-f', '-'], { input: '{}\n' })).toBe('done\n');
    expect(calls()).toBe('kubectl apply -f - with /some/config\n{}\n');
  });

  it('takes images the way kind and k3d do', async () => {
    program('kind');
    program('k3d');
    program('kubectl', 'kind-blue');
    await attach().loadImages(['/images/a.tar']);
    program('kubectl', 'k3d-green');
    await attach().loadImages(['/images/a.tar']);
    expect(calls()).toContain('kind load image-archive /images/a.tar --name blue with');
    expect(calls()).toContain('k3d image import /images/a.tar --cluster green with');
  });

  it('of another kind says what to do, and believes that it was done', async () => {
    program('kubectl', 'production');
    await expect(attach().loadImages(['/images/a.tar'])).rejects.toThrow(
      /context production .* push the images to a registry .* AMBIT_IMAGES=present/,
    );
    await attach({ AMBIT_IMAGES: 'present' }).loadImages(['/images/a.tar']);
  });

  it('cannot be entered, and says so', async () => {
    await expect(attach().inCluster(['curl', 'http://web'])).rejects.toThrow(
      /curl http:\/\/web cannot run inside the cluster of KUBECONFIG=\/some\/config/,
    );
    await expect(attach().inNode('a', ['true'])).rejects.toThrow(/cannot run inside/);
  });

  it('needs kubectl and helm in the PATH, and names the one that is missing', async () => {
    await expect(attach().helm(['list'])).rejects.toThrow(/^helm is not in PATH; with KUBECONFIG=\/some\/config/);
  });
});
