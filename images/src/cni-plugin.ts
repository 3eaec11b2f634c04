import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import type { Portion } from './component.ts';
import type { Architecture } from './oci.ts';
import { findTool, outputOf } from './tool.ts';

/** Where its source is, and where the agent finds it in the image. */
const SOURCE = 'packages/cni/plugin';
const TARGET = 'ambit/cni-plugin/ambit-cni';

/** Where Go is when it is not in the caller's PATH. */
const GO_FOLDERS = ['/usr/local/go/bin', '/usr/local/bin', '/usr/bin'];

/**
 * Compiles the CNI plugin with the Go that is in `path` (a PATH) or in the usual folders: static, without paths and dates of
 * this machine, so that the same Go makes the same bytes. Throws `AMBIT_IMAGE_MISSING`, `AMBIT_IMAGE_TOOL`.
 */
export function pluginPortion(root: string, version: string, architecture: Architecture, path: string): Portion {
  const source = join(root, SOURCE);
  if (!existsSync(join(source, 'go.mod'))) {
    throw new AmbitError('AMBIT_IMAGE_MISSING', `${SOURCE} has no go.mod: the source of the CNI plugin is not there`, {
      source: 'configuration',
    });
  }
  const go = findTool('go', 'golang-go', [...path.split(':').filter(isAbsolute), ...GO_FOLDERS]);
  const folder = mkdtempSync(join(tmpdir(), 'ambit-plugin-'));
  try {
    const binary = join(folder, 'ambit-cni');
    const environment = { HOME: homedir(), GOOS: 'linux', GOARCH: architecture, CGO_ENABLED: '0', GOFLAGS: '' };
    const settings = {
      directory: source,
      environment: { ...environment, GOWORK: 'off', GOTOOLCHAIN: 'local', GOAMD64: 'v1' },
    };
    outputOf(go, ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid=', '-o', binary, '.'], settings);
    const goVersion = outputOf(go, ['env', 'GOVERSION'], settings).trim().replace(/^go/, '');
    return pluginOf(readFileSync(binary), version, goVersion);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The layer of a compiled plugin. */
export function pluginOf(binary: Buffer, version: string, goVersion: string): Portion {
  return {
    purpose: 'the CNI plugin',
    entries: [{ kind: 'file', path: TARGET, mode: 0o755, content: [binary] }],
    components: [
      { name: 'ambit-cni', version, license: 'Apache-2.0' },
      { name: 'stdlib', version: goVersion, purl: `pkg:golang/stdlib@${goVersion}`, license: 'BSD-3-Clause' },
    ],
  };
}
