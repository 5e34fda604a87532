import type { LabEngine } from './types.ts';

export async function loadImages(_engine: LabEngine): Promise<void> {}
