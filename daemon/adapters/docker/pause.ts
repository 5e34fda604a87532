/**
 * The program of a pod's sandbox: holds the network namespace and does nothing. As process 1 of a namespace it gets no signal that it neither handles nor waits
 * for, so it blocks SIGTERM and waits for it (rt_sigtimedwait without a time), then exits 0. Any other wake-up (EINTR after SIGSTOP and SIGCONT) waits on.
 * Written as machine code, so that nothing has to be pulled or compiled: an ELF file of one segment (System V ABI, "ELF-64 Object File Format").
 */
export type PauseArchitecture = 'amd64' | 'arm64';

const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const LOAD_ADDRESS = 0x40_0000;
/** e_machine. */
const MACHINE = { amd64: 62, arm64: 183 } as const;
/** Bit 14 of a signal set is signal 15. */
const SIGTERM_SET = 1 << 14;

export function pauseBinary(architecture: PauseArchitecture): Uint8Array {
  const code = architecture === 'amd64' ? codeAmd64() : codeArm64();
  const size = ELF_HEADER + PROGRAM_HEADER + code.length;
  const file = Buffer.alloc(size);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bit, little endian, version 1
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(MACHINE[architecture], 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + ELF_HEADER + PROGRAM_HEADER), 24); // entry
  file.writeBigUInt64LE(BigInt(ELF_HEADER), 32); // program headers
  file.writeUInt16LE(ELF_HEADER, 52);
  file.writeUInt16LE(PROGRAM_HEADER, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt16LE(64, 58); // size of a section header, of which there are none
  file.writeUInt32LE(1, ELF_HEADER); // PT_LOAD
  file.writeUInt32LE(5, ELF_HEADER + 4); // readable, executable
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), ELF_HEADER + 16);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), ELF_HEADER + 24);
  file.writeBigUInt64LE(BigInt(size), ELF_HEADER + 32);
  file.writeBigUInt64LE(BigInt(size), ELF_HEADER + 40);
  file.writeBigUInt64LE(0x1_0000n, ELF_HEADER + 48); // alignment: the greatest page size of arm64
  file.set(code, ELF_HEADER + PROGRAM_HEADER);
  return file;
}

/** System calls by rax; arguments in rdi, rsi, rdx, r10. */
function codeAmd64(): Uint8Array {
  const wait = [
    ...[0x54, 0x5f], // push rsp; pop rdi: the set
    ...[0x31, 0xf6], // xor esi, esi: no siginfo
    ...[0x31, 0xd2], // xor edx, edx: no time limit
    ...[0xb8, 128, 0, 0, 0], // mov eax, rt_sigtimedwait (r10 still is 8)
    ...[0x0f, 0x05], // syscall
    ...[0x85, 0xc0], // test eax, eax
  ];
  const jumpBack = [0x78, 0x100 - (wait.length + 2)]; // js wait
  return Uint8Array.from([
    ...[0x68, SIGTERM_SET & 0xff, SIGTERM_SET >> 8, 0, 0], // push the set
    ...[0x31, 0xff], // xor edi, edi: SIG_BLOCK
    ...[0x54, 0x5e], // push rsp; pop rsi: the set
    ...[0x31, 0xd2], // xor edx, edx: no old set
    ...[0x6a, 8, 0x41, 0x5a], // push 8; pop r10: bytes of a set
    ...[0x6a, 14, 0x58], // push rt_sigprocmask; pop rax
    ...[0x0f, 0x05], // syscall
    ...wait,
    ...jumpBack,
    ...[0x31, 0xff], // xor edi, edi
    ...[0x6a, 60, 0x58], // push exit; pop rax
    ...[0x0f, 0x05], // syscall
  ]);
}

/** System calls by x8; arguments in x0 to x3. Encodings from the Arm Architecture Reference Manual (A64). */
function codeArm64(): Uint8Array {
  const movz = (register: number, value: number): number => (0xd280_0000 | (value << 5) | register) >>> 0;
  const fromStackPointer = (register: number): number => (0x9100_03e0 | register) >>> 0; // add xN, sp, #0
  const storeBelowStack = (register: number): number => (0xf81f_0fe0 | register) >>> 0; // str xN, [sp, #-16]!
  const supervisorCall = 0xd400_0001;
  /** tbnz x0, #63: branch when negative. */
  const branchIfNegative = (instructions: number): number => (0xb7f8_0000 | ((instructions & 0x3fff) << 5)) >>> 0;
  const wait = [fromStackPointer(0), movz(1, 0), movz(2, 0), movz(3, 8), movz(8, 137), supervisorCall];
  const words = [
    movz(9, SIGTERM_SET),
    storeBelowStack(9),
    movz(0, 0),
    fromStackPointer(1),
    movz(2, 0),
    movz(3, 8),
    movz(8, 135),
    supervisorCall,
    ...wait,
    branchIfNegative(-wait.length),
    movz(0, 0),
    movz(8, 93),
    supervisorCall,
  ];
  const code = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => code.writeUInt32LE(word, index * 4));
  return code;
}
