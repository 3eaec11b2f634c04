/** What the machine must have besides Node, and how to get what is missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTree } from './namespace-tree.mjs';

const PROGRAMS = [
  { program: 'nft', package: 'nftables', purpose: 'redirects the traffic of pods' },
  { program: 'ip', package: 'iproute2', purpose: 'builds the links between nodes and pods' },
  { program: 'unshare', package: 'util-linux', purpose: 'makes the namespaces' },
  { program: 'mount', package: 'mount (util-linux)', purpose: 'gives each pod its own /etc/resolv.conf' },
];

/** Kernel settings that forbid user namespaces, with the value that does. */
const BLOCKERS = [
  { setting: 'kernel.unprivileged_userns_clone', blocks: (value) => value === '0', allow: '1' },
  { setting: 'user.max_user_namespaces', blocks: (value) => value === '0', allow: '15000' },
  { setting: 'kernel.apparmor_restrict_unprivileged_userns', blocks: (value) => value === '1', allow: '0' },
];

function isInstalled(program) {
  // Debian leaves sbin out of an ordinary user's PATH.
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function settingValue(setting) {
  try {
    return readFileSync(`/proc/sys/${setting.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Why the namespace tree cannot be made here; undefined when it can. */
function namespaceProblem() {
  const { file, rest } = inTree(['nft', 'list', 'tables']);
  const { status, stderr } = spawnSync(file, rest, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const said = stderr.trim().split('\n').at(-1) ?? '';
  const blocking = BLOCKERS.filter(({ setting, blocks }) => blocks(settingValue(setting)));
  if (blocking.length > 0) {
    return blocking
      .map(({ setting, allow }) => {
        const now = settingValue(setting);
        return `user namespaces are blocked by ${setting}=${now} (${said}): sysctl -w ${setting}=${allow}`;
      })
      .join('\n');
  }
  if (/\/proc/.test(said)) {
    return `/proc cannot be mounted in a namespace (${said}): in a container, run it with --security-opt systempaths=unconfined`;
  }
  if (/^(unshare|sh: .*unshare)/.test(said)) {
    return (
      `namespaces cannot be made (${said}): the container or its seccomp profile forbids unshare; ` +
      'run it with --privileged or --security-opt seccomp=unconfined'
    );
  }
  return `nftables does not work in a namespace (${said}): the kernel module nf_tables is missing or may not be loaded`;
}

/** One line per thing that is missing, empty when all is there. */
export function missingPrerequisites() {
  if (process.platform !== 'linux') return [`Linux is needed, this is ${process.platform}`];
  const missing = PROGRAMS.filter(({ program }) => !isInstalled(program)).map(
    (entry) => `${entry.program} is missing (${entry.purpose}): apt-get install ${entry.package.split(' ')[0]}`,
  );
  if (missing.length > 0) return missing;
  const problem = namespaceProblem();
  return problem === undefined ? [] : [problem];
}
