import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from './config-folder.ts';
import type { PluginEntry } from './network-list.ts';

const ENTRY: PluginEntry = {
  type: 'ambit-cni',
  cni_agent_run_dir: '/var/run/istio-cni',
  exclude_namespaces: ['kube-system'],
  pod_namespace: 'istio-system',
};
const LIST = {
  cniVersion: '1.0.0',
  name: 'k8s',
  disableCheck: true,
  plugins: [
    { type: 'bridge', ipam: { z: 1, a: 2 } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

describe('the folder of network configurations', () => {
  let directory: string;
  let folder: ConfigFolder;
  const put = (name: string, value: unknown): void =>
    writeFileSync(join(directory, name), typeof value === 'string' ? value : JSON.stringify(value));
  const get = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), 'utf8'));

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'net.d-'));
    folder = new ConfigFolder(directory);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('the plugin becomes the last of the first list; what others wrote stays, in their order', () => {
    put('10-a.conflist', LIST);
    put('05-later.conflist.bak', LIST);
    put('20-b.conflist', LIST);
    mkdirSync(join(directory, '00.conflist'));
    chmodSync(join(directory, '10-a.conflist'), 0o640);
    expect(folder.insert(ENTRY)).toBe('10-a.conflist');
    expect(get('10-a.conflist')).toEqual({ ...LIST, plugins: [...LIST.plugins, ENTRY] });
    expect(readFileSync(join(directory, '10-a.conflist'), 'utf8').replaceAll(/\s/g, '')).toContain(
      '"ipam":{"z":1,"a":2}',
    );
    expect(statSync(join(directory, '10-a.conflist')).mode & 0o777).toBe(0o640);
    expect(get('20-b.conflist')).toEqual(LIST);
    expect(readdirSync(directory)).toHaveLength(4);
  });

  it('nothing is written when it stands so already; another entry of ours, or a place before others, is put right', () => {
    put('10-a.conflist', LIST);
    folder.insert(ENTRY);
    const { ino } = statSync(join(directory, '10-a.conflist'));
    expect(folder.insert(ENTRY)).toBeUndefined();
    expect(statSync(join(directory, '10-a.conflist')).ino).toBe(ino);
    put('10-a.conflist', { ...LIST, plugins: [{ type: 'ambit-cni' }, ...LIST.plugins] });
    expect(folder.insert(ENTRY)).toBe('10-a.conflist');
    expect(get('10-a.conflist')).toEqual({ ...LIST, plugins: [...LIST.plugins, ENTRY] });
  });

  it('another program that rewrites its file, or puts one in front, gets the plugin again', () => {
    put('10-a.conflist', LIST);
    folder.insert(ENTRY);
    put('10-a.conflist', LIST);
    expect(folder.insert(ENTRY)).toBe('10-a.conflist');
    put('05-new.conflist', LIST);
    expect(folder.insert(ENTRY)).toBe('05-new.conflist');
  });

  it('a single configuration becomes a list and does not stay in force; removal puts it back', () => {
    const single = { cniVersion: '0.4.0', name: 'net', type: 'calico', ipam: { type: 'calico-ipam' } };
    put('10-a.conf', single);
    expect(folder.insert(ENTRY)).toBe('10-a.conf');
    expect(get('10-a.conflist')).toEqual({ cniVersion: '0.4.0', name: 'net', plugins: [single, ENTRY] });
    expect(existsSync(join(directory, '10-a.conf'))).toBe(false);
    expect(folder.insert(ENTRY)).toBeUndefined();
    expect(folder.remove()).toEqual(['10-a.conflist']);
    expect(readdirSync(directory)).toEqual(['10-a.conf']);
    expect(get('10-a.conf')).toEqual(single);
  });

  it('removal leaves lists as they were, and does nothing where there is nothing', () => {
    put('10-a.conflist', LIST);
    folder.insert(ENTRY);
    expect(folder.remove()).toEqual(['10-a.conflist']);
    expect(get('10-a.conflist')).toEqual(LIST);
    expect(folder.remove()).toEqual([]);
  });

  it("the plugin leaves although another program's file is broken, or the node would start no pod any more", () => {
    put('10-a.conflist', LIST);
    folder.insert(ENTRY);
    put('00-broken.conflist', '{"cniVersion":');
    put('01-typeless.conf', {});
    expect(folder.remove()).toEqual(['10-a.conflist']);
    expect(get('10-a.conflist')).toEqual(LIST);
  });

  it('a broken file that names the plugin is named, after all others were seen to', () => {
    put('10-a.conflist', LIST);
    folder.insert(ENTRY);
    put('00-broken.conflist', '{"plugins":[{"type":"ambit-cni"}');
    expect(() => folder.remove()).toThrow(/00-broken\.conflist .* no JSON/);
    expect(get('10-a.conflist')).toEqual(LIST);
  });

  it.each([
    ['nothing there', undefined, /^AMBIT_CNI_NO_NETWORK.*is the cluster's own network plugin installed/],
    ['half a file', '{"cniVersion":', /^AMBIT_CNI_NETWORK_CONFIG the network configuration 10-a.conflist .* no JSON/],
    ['a list of nothing', { ...LIST, plugins: [] }, /no plugin that makes a network/],
    ['plugins that are none', { ...LIST, plugins: ['bridge'] }, /plugins is no list of objects/],
    ['no version', { ...LIST, cniVersion: undefined }, /cniVersion is missing; a chained plugin needs one of/],
    ['a version from before chaining', { ...LIST, cniVersion: '0.2.0' }, /cniVersion is "0.2.0"/],
    ['too much', ' '.repeat(1_048_577), /1048577 bytes/],
  ])('what cannot take the plugin is named and not touched: %s', (_name, content, message) => {
    if (content !== undefined) put('10-a.conflist', content);
    const before = content === undefined ? undefined : readFileSync(join(directory, '10-a.conflist'), 'utf8');
    let said = '';
    try {
      folder.insert(ENTRY);
    } catch (error) {
      if (error instanceof AmbitError) said = `${error.code} ${error.message}`;
    }
    expect(said).toMatch(message);
    if (before !== undefined) expect(readFileSync(join(directory, '10-a.conflist'), 'utf8')).toBe(before);
  });
});
