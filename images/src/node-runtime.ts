import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import type { Component, Portion } from './component.ts';
import { loadedPart } from './elf.ts';
import { fileEntry } from './file-entry.ts';
import { type LockFile, npmComponent } from './lock-file.ts';
import type { Architecture } from './oci.ts';
import { nativeLibraries } from './native-libraries.ts';
import { outputOf } from './tool.ts';

const PROCESSORS: Readonly<Record<string, Architecture>> = { x64: 'amd64', arm64: 'arm64' };

/** Numbers of interfaces, which are no parts. */
const NO_PARTS = ['node', 'modules', 'napi'];

/** The Node that comes with the install, for the processor of this machine. */
export interface NodeRuntime {
  readonly architecture: Architecture;
  /** Folder of the npm package, relative to the root. */
  readonly folder: string;
  readonly binary: string;
}

/** Throws `AMBIT_IMAGE_MISSING`. */
export function findNodeRuntime(root: string, processor: string): NodeRuntime {
  const folder = `node_modules/node-linux-${processor}`;
  const binary = join(root, folder, 'bin', 'node');
  const architecture = PROCESSORS[processor];
  if (architecture !== undefined && existsSync(binary)) return { architecture, folder, binary };
  throw new AmbitError(
    'AMBIT_IMAGE_MISSING',
    architecture === undefined
      ? `there are no images for the processor ${processor}, only for ${Object.keys(PROCESSORS).join(' and ')}`
      : `the optional package node-linux-${processor} is not installed: run npm ci with optional dependencies`,
    { source: 'configuration' },
  );
}

/**
 * /usr/bin/node with what it loads. `addons` are native modules that it will load besides.
 * Throws `AMBIT_IMAGE_MISSING`, `AMBIT_IMAGE_ELF`, `AMBIT_IMAGE_LOCK`, `AMBIT_IMAGE_TOOL`.
 */
export function nodePortion(root: string, lock: LockFile, runtime: NodeRuntime, addons: readonly string[]): Portion {
  const { entries, components } = nativeLibraries([runtime.binary, ...addons]);
  const content = loadedPart(runtime.binary, readFileSync(runtime.binary));
  return {
    purpose: 'Node.js and the libraries it loads',
    entries: [
      ...entries,
      { kind: 'file', path: 'usr/bin/node', mode: 0o755, content: [content] },
      fileEntry('usr/share/doc/nodejs/copyright', join(root, runtime.folder, 'LICENSE')),
    ],
    components: [
      ...components,
      npmComponent(root, lock, runtime.folder),
      ...partsOf(runtime.binary, createHash('sha256').update(content).digest('hex')),
    ],
  };
}

/** Node, and the libraries that are compiled into it. */
function partsOf(binary: string, digest: string): Component[] {
  const text = outputOf(binary, ['--print', 'JSON.stringify(process.versions)']);
  const { node = '', ...parts } = JSON.parse(text) as Record<string, string>;
  return [
    {
      name: 'node',
      version: node,
      purl: `pkg:generic/node@${node}`,
      cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
      license: 'MIT',
      checksum: { algorithm: 'SHA256', hex: digest },
      comment: 'without symbols for debuggers',
    },
    ...Object.entries(parts)
      .filter(([name]) => !NO_PARTS.includes(name))
      .map(([name, version]) => ({
        name,
        version,
        purl: `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(version)}`,
        comment: 'compiled into node',
      })),
  ];
}
