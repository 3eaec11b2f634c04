/** A controller of a cluster that is an API server in memory, for tests of what the whole program does there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { TestController } from './test-controller.ts';
import { TestKubernetes } from './test-kubernetes.ts';

export class TestControlPlane {
  readonly kubernetes: TestKubernetes;
  /** Not started yet. */
  readonly controller: TestController;

  private constructor(kubernetes: TestKubernetes, controller: TestController) {
    this.kubernetes = kubernetes;
    this.controller = controller;
  }

  /** With the namespaces `istio-system` and `shop`. */
  static async create(): Promise<TestControlPlane> {
    const kubernetes = await TestKubernetes.start();
    for (const name of ['istio-system', 'shop']) kubernetes.put('/api/v1/namespaces', { metadata: { name } });
    const controller = await TestController.create((folder) => ['--kubeconfig', join(folder, 'kubeconfig')]);
    await writeFile(join(controller.root, 'kubeconfig'), kubernetes.kubeconfig);
    return new TestControlPlane(kubernetes, controller);
  }

  async destroy(): Promise<void> {
    await this.controller.destroy();
    await this.kubernetes.server.kill();
  }
}

/** A control plane of its own for each test of the file that calls this, gone after the test. */
export function controlPlaneOfEachTest(): Pick<TestControlPlane, 'controller' | 'kubernetes'> {
  let plane: TestControlPlane;
  beforeEach(async () => {
    plane = await TestControlPlane.create();
  });
  afterEach(() => plane.destroy());
  return {
    get controller() {
      return plane.controller;
    },
    get kubernetes() {
      return plane.kubernetes;
    },
  };
}
