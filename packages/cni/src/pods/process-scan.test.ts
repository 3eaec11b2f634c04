import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeletUid, podProcesses, podUidOfCgroup, runsOnNode } from './process-scan.ts';

const UID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90ae7';

describe('the pod of a process', () => {
  it.each([
    ['cgroup v2, cgroupfs', `0::/kubepods/burstable/pod${UID}/abc`],
    [
      'cgroup v2, systemd',
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-abc.scope`,
    ],
    ['cgroup v2, seen from a container', `0::/../../pod${UID}/abc`],
    ['guaranteed', `0::/kubepods/pod${UID}/abc`],
    ['cgroup v1', `11:memory:/\n1:name=systemd:/kubepods/besteffort/pod${UID}/abc\n0::/`],
    ['in a container of a node that is one', `0::/docker/123/kubelet/kubepods/pod${UID}/abc/init.scope`],
    ['a pod that calls a group of its own like another pod', `0::/kubepods/pod${UID}/abc/pod${OTHER}/x`],
  ])('%s', (_name, text) => {
    expect(podUidOfCgroup(`${text}\n`)).toBe(UID);
  });

  it.each([
    ['a service', '0::/system.slice/containerd.service'],
    ['a name that only begins so', `0::/podman/x`],
    ['a longer name', `0::/kubepods/pod${UID}0/abc`],
    ['nothing', ''],
  ])('none: %s', (_name, text) => {
    expect(podUidOfCgroup(text)).toBeUndefined();
  });
});

describe('the processes of a node', () => {
  let proc: string;
  const put = (number: string, cgroup: string, comm = 'node', status = 'Uid:\t7\t8\t9\t10\n'): void => {
    mkdirSync(join(proc, number), { recursive: true });
    writeFileSync(join(proc, number, 'cgroup'), cgroup);
    writeFileSync(join(proc, number, 'comm'), `${comm}\n`);
    writeFileSync(join(proc, number, 'status'), `Name:\t${comm}\n${status}`);
  };

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'proc-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  it('are found by pod, the oldest first; one that ends meanwhile does no harm', () => {
    put('1', '0::/init.scope');
    put('100', `0::/kubepods/pod${UID}/a`);
    put('20', `0::/kubepods/pod${UID}/b`);
    put('30', `0::/kubepods/pod${OTHER}/b`);
    put('sys', `0::/kubepods/pod${UID}/c`);
    mkdirSync(join(proc, '40'));
    expect(podProcesses(proc)).toEqual(
      new Map([
        [UID, [20, 100]],
        [OTHER, [30]],
      ]),
    );
  });

  it('kubelet has a user; what a pod calls so has no say, and neither has a node without one', () => {
    put('50', `0::/kubepods/pod${UID}/a`, 'kubelet', 'Uid:\t5\t5\t5\t5\n');
    expect(kubeletUid(proc)).toBe(0);
    put('60', '0::/system.slice/kubelet.service', 'kubelet');
    expect(kubeletUid(proc)).toBe(8);
    expect(runsOnNode(proc, 'crio')).toBe(false);
  });
});
