import { mkdtempSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createAuthority, issueCertificate } from '../support/other-authority.ts';
import { realPeers, removeQuietly, runCommand } from '../support/real-peers.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kith-access-'));
const peers = realPeers(1, 'access');
