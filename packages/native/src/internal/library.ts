import koffi, { type LibraryHandle } from 'koffi';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type NativeCall, intercept } from '../fault.ts';

/**
 * C types as koffi names them. Pointers travel as plain numbers (`pointer`): a number argument costs a tenth of a
 * microsecond less per call than a Buffer, and user-space addresses fit into 2^53.
 */
export type CType = 'void' | 'int' | 'uint32_t' | 'int64_t' | 'uint64_t' | 'uintptr_t';

/** What a binding that was made to fail does; see `fault.ts`. */
export interface FailureShape {
  /** The value that stands for failure. Default -1. */
  readonly result?: number;
  /** True for functions that release something: the real call runs first, then the failure is reported. */
  readonly releases?: boolean;
}

// The process itself: the runtime is linked against libc and exports its OpenSSL, so both are found here.
const runtime: LibraryHandle = koffi.load(null);
let sharedOpenssl: LibraryHandle | undefined;

/** A bound function takes one number per C parameter. */
export type Bound<Result extends CType, Parameters extends readonly CType[]> = (
  ...args: { -readonly [Index in keyof Parameters]: number }
) => Result extends 'void' ? undefined : number;

/** Binds a libc function of the process. The parameter list is the caller's claim; the self-test and the tests prove it. */
export function libc<Result extends CType, const Parameters extends readonly CType[]>(
  name: string,
  result: Result,
  parameters: Parameters,
  failure: FailureShape = {},
): Bound<Result, Parameters> {
  return bind(runtime, name, result, parameters, failure) as Bound<Result, Parameters>;
}

/** Binds an OpenSSL function: the runtime's own, or `libssl.so.3` when the runtime does not export it. */
export function openssl<Result extends CType, const Parameters extends readonly CType[]>(
  name: string,
  result: Result,
  parameters: Parameters,
  failure: FailureShape = {},
): Bound<Result, Parameters> {
  return bind(opensslLibrary(), name, result, parameters, failure) as Bound<Result, Parameters>;
}

/** The value of `errno` after a failed libc call; read it before anything else is called. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Where the OpenSSL functions come from. */
export function opensslOrigin(): 'runtime' | 'libssl.so.3' {
  return opensslLibrary() === runtime ? 'runtime' : 'libssl.so.3';
}

function bind(
  library: LibraryHandle,
  name: string,
  result: CType,
  parameters: readonly CType[],
  failure: FailureShape,
): NativeCall {
  let call: NativeCall;
  try {
    call = library.func(name, result, [...parameters]) as NativeCall;
  } catch (error) {
    throw new AmbitError(
      'AMBIT_NATIVE_SYMBOL',
      `the runtime exports no function ${name} (${messageOf(error)}); use the Node binary of the release, or install OpenSSL 3 (libssl.so.3)`,
      { source: 'system', cause: error },
    );
  }
  return intercept(name, call, failure.result ?? -1, failure.releases ?? false, setErrno);
}

function setErrno(value: number): void {
  koffi.errno(value);
}

function opensslLibrary(): LibraryHandle {
  if (sharedOpenssl !== undefined) return sharedOpenssl;
  sharedOpenssl = exportsOpenssl(runtime) ? runtime : loadSharedOpenssl();
  return sharedOpenssl;
}

// One function that exists since OpenSSL 3.0 only: an older or foreign library (BoringSSL) must not be taken for it.
function exportsOpenssl(library: LibraryHandle): boolean {
  try {
    library.func('SSL_get1_peer_certificate', 'uintptr_t', ['uintptr_t']);
    return true;
  } catch {
    return false;
  }
}

function loadSharedOpenssl(): LibraryHandle {
  try {
    return koffi.load('libssl.so.3', { deep: true });
  } catch (error) {
    throw new AmbitError(
      'AMBIT_NATIVE_OPENSSL',
      `neither the runtime nor libssl.so.3 offers OpenSSL 3 (${messageOf(error)})`,
      {
        source: 'system',
        cause: error,
      },
    );
  }
}
