import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const PROGRAM = `
  const { applyInPod } = await import('@ambit/capture/apply');
  const { homeNamespace } = await import('@ambit/native/namespace');
  try {
    applyInPod({ namespace: homeNamespace(), name: 'shop/web' }, { dns: true, ipv6: false, bypassInbound: false, virtualInterfaces: [] });
    console.log('applied');
  } catch (error) {
    console.log(error.code + ': ' + error.message);
  }
`;

/** Runs the program in a namespace of its own, after a shell command that takes something away. */
function deprived(command: string, wrapper: string): string {
  const node = `${wrapper} "${process.execPath}" --conditions=development --input-type=module -e "$PROGRAM"`;
  const result = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', `${command} && exec ${node}`], {
    env: { ...process.env, PROGRAM },
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  return result.stdout + result.stderr;
}

describe('what is missing is named', () => {
  it('applies when nothing is', () => {
    expect(deprived('ip link set lo up', '')).toBe('applied\n');
  });

  it('a program, with its Debian package', () => {
    const hide =
      'for folder in /usr/sbin /sbin /usr/local/sbin; do test -e $folder/nft && mount -t tmpfs none $folder; done; ln -s /bin/true /usr/sbin/ip; true';
    expect(deprived(hide, '')).toBe(
      'AMBIT_TOOL_MISSING: cannot write the rules of pod shop/web: the program nft is not installed; it comes with the Debian package nftables\n',
    );
  });

  it('a privilege', () => {
    expect(deprived('ip link set lo up', 'setpriv --bounding-set=-net_admin --inh-caps=-net_admin')).toMatch(
      /^AMBIT_CAPTURE_SYSCTL: cannot set net\/ipv4\/tcp_migrate_req .*permission denied|^AMBIT_TOOL_DENIED: .*CAP_NET_ADMIN/,
    );
  });
});
