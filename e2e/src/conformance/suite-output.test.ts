import { describe, expect, it } from 'vitest';
import { SuiteOutput, countOf } from './suite-output.ts';

function read(text: string): SuiteOutput {
  const output = new SuiteOutput();
  for (const line of text.split('\n')) output.take(line);
  return output;
}

const RUN = `=== RUN   TestConformance
    conformance.go:76: Running conformance tests
=== RUN   TestConformance/GatewayClass
    suite.go:1: Skipping GatewayClass
--- PASS: is not a result of ours
=== RUN   TestConformance/MeshBasic
=== RUN   TestConformance/MeshBasic/Send_to_service
    pod.go:55: Got resp 200
=== RUN   TestConformance/MeshPorts
=== RUN   TestConformance/MeshPorts/0_request
    pod.go:60: expected header X-Header-Set=v1, got
=== NAME  TestConformance
    conformance.go:80: cleaning up
--- FAIL: TestConformance (12.00s)
    --- SKIP: TestConformance/GatewayClass (0.00s)
    --- PASS: TestConformance/MeshBasic (0.31s)
        --- PASS: TestConformance/MeshBasic/Send_to_service (0.30s)
    --- FAIL: TestConformance/MeshPorts (30.10s)
        --- FAIL: TestConformance/MeshPorts/0_request (30.02s)
FAIL`;

describe('what the conformance suite writes', () => {
  it('is read as one result for each of its tests, with what a failed one said', () => {
    const output = read(RUN);
    expect(output.results.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['GatewayClass', 'skipped'],
      ['MeshBasic', 'passed'],
      ['MeshPorts', 'failed'],
    ]);
    expect(countOf(output, 1)).toEqual({
      passed: 1,
      failed: 1,
      failures: ['MeshPorts: failed\n      pod.go:60: expected header X-Header-Set=v1, got'],
    });
  });

  it('says what has begun, before any result is there', () => {
    const began: string[] = [];
    const output = new SuiteOutput((test) => void began.push(test));
    for (const line of RUN.split('\n')) output.take(line);
    expect(began).toEqual(['GatewayClass', 'MeshBasic', 'MeshPorts']);
  });

  it('counts a test of a mesh that was skipped as failed', () => {
    const output = read('    --- SKIP: TestConformance/MeshConsumerRoute (0.00s)');
    expect(countOf(output, 0)).toEqual({ passed: 0, failed: 1, failures: ['MeshConsumerRoute: skipped'] });
  });

  it('is a failure when the set-up fails before any test', () => {
    const output = read(
      '=== RUN   TestConformance\n    suite.go:9: CRDs of other versions\n--- FAIL: TestConformance (1.00s)',
    );
    expect(countOf(output, 1)).toEqual({
      passed: 0,
      failed: 1,
      failures: ['the suite ended with 1\n      suite.go:9: CRDs of other versions'],
    });
  });
});
