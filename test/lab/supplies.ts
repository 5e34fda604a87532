import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../support/cell/processes.ts';
import { LABS_FOLDER } from './folders.ts';
import { ImageStore } from './image-store.ts';

/** Made once, and kept for all labs to come. The number changes with what is made. */
const SUPPLIES = path.join(LABS_FOLDER, '.supplies-2');
/** Images, as {@link ImageStore} writes them. */
export const IMAGES_FOLDER = path.join(SUPPLIES, 'images');
/** Preloaded into a program, moves the wall clock that it sees. https://github.com/wolfcw/libfaketime */
export const CLOCK_LIBRARY = path.join(SUPPLIES, 'libfaketime.so.1');
/** What the tutorial names, without a registry's name: as if Docker Hub had them. */
export const LAB_IMAGES = ['busybox:latest', 'nginx:1.7.9', 'nginx:1.8', 'nginx:latest'] as const;

const BUSYBOX = '/bin/busybox';
/** nginx, and the libraries that it loads. */
const NGINX_PACKAGES = [
  'nginx',
  'nginx-common',
  'libnginx-mod-http-headers-more-filter',
  'libpcre2-8-0',
  'libssl3',
  'zlib1g',
  'libcrypt1',
  'libc6',
];
/** What the real images of these tags say of themselves. Debian's own version is told where none is given. */
const NGINX_VERSIONS: Record<string, string | undefined> = { '1.7.9': '1.7.9', '1.8': '1.8.1', latest: undefined };
const APT_TIMEOUT_MS = 300_000;

/** One nginx serves all tags, and tells the version that it stands for. */
function configuration(version: string | undefined): string {
  const header = version === undefined ? '' : `server_tokens off;\n  more_set_headers 'Server: nginx/${version}';`;
  return `load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;
user root;
daemon off;
pid /run/nginx.pid;
worker_processes 1;
error_log /dev/stderr;
events {}
http {
  include mime.types;
  access_log /dev/stdout;
  ${header}
  server {
    listen 80;
    root /usr/share/nginx/html;
  }
}
`;
}

export function suppliesMade(): boolean {
  return existsSync(SUPPLIES);
}

/**
 * Makes what labs need and the machine lacks, unless it is there: images with a static busybox and with a real nginx, and a library that moves clocks. They come from
 * Debian's packages, which are unpacked and not installed.
 */
export async function ensureSupplies(): Promise<void> {
  if (suppliesMade()) return;
  const work = path.join(LABS_FOLDER, `.making-${process.pid}`);
  const made = path.join(work, 'supplies');
  try {
    await mkdir(made, { recursive: true });
    await makeImages(path.join(made, 'images'), work);
    const clock = await unpack(path.join(work, 'clock'), ['libfaketime']);
    await cp(await onlyFile(clock, 'libfaketimeMT.so.1'), path.join(made, path.basename(CLOCK_LIBRARY)));
    for (const name of await readdir(LABS_FOLDER)) {
      if (/^\.supplies-\d+$/.test(name) && name !== path.basename(SUPPLIES)) await rm(path.join(LABS_FOLDER, name), { recursive: true });
    }
    // Whoever comes second keeps what the first has made.
    await rename(made, SUPPLIES).catch((error: unknown) => {
      if (!suppliesMade()) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function makeImages(folder: string, work: string): Promise<void> {
  const store = new ImageStore(folder);
  const tools = await store.layer(await busyboxRoot(path.join(work, 'busybox')));
  await store.image('busybox', 'latest', [tools], ['sh']);

  const nginx = await store.layer(await nginxRoot(path.join(work, 'nginx')));
  for (const [tag, version] of Object.entries(NGINX_VERSIONS)) {
    const root = path.join(work, `nginx-${tag}`);
    await mkdir(path.join(root, 'etc/nginx'), { recursive: true });
    await writeFile(path.join(root, 'etc/nginx/nginx.conf'), configuration(version));
    await store.image('nginx', tag, [tools, nginx, await store.layer(root)], ['nginx']);
  }
}

async function busyboxRoot(root: string): Promise<string> {
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'run', 'var']) await mkdir(path.join(root, folder), { recursive: true });
  await chmod(path.join(root, 'tmp'), 0o1777);
  await cp(BUSYBOX, path.join(root, 'bin/busybox'));
  for (const applet of (await run(BUSYBOX, ['--list'])).trim().split('\n')) {
    if (applet !== 'busybox') await symlink('busybox', path.join(root, 'bin', applet));
  }
  await writeFile(path.join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  await writeFile(path.join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return root;
}

async function nginxRoot(folder: string): Promise<string> {
  const root = await unpack(folder, NGINX_PACKAGES);
  const libraries = (await readdir(path.join(root, 'usr/lib'))).map((name) => `usr/lib/${name}/gconv`);
  const needless = ['doc', 'man', 'lintian', 'vim', 'apport'].map((name) => `usr/share/${name}`);
  for (const each of [...libraries, ...needless, 'etc/init.d', 'etc/logrotate.d', 'lib/systemd']) {
    await rm(path.join(root, each), { recursive: true, force: true });
  }
  // Debian's nginx keeps what it receives in the first, and writes to the second before it has read its configuration.
  for (const each of ['var/lib/nginx', 'var/log/nginx']) await mkdir(path.join(root, each), { recursive: true });
  return root;
}

/** Downloads packages and unpacks them below the folder, together. */
async function unpack(folder: string, packages: readonly string[]): Promise<string> {
  const root = path.join(folder, 'root');
  await mkdir(root, { recursive: true });
  const script = 'cd "$1"; shift; apt-get download -qq -o APT::Sandbox::User=root "$@"';
  const download = async (): Promise<string> =>
    run('/bin/sh', ['-c', script, 'download', folder, ...packages], { timeoutMs: APT_TIMEOUT_MS });
  try {
    await download().catch(async () => {
      await run('apt-get', ['update', '-qq'], { timeoutMs: APT_TIMEOUT_MS });
      await download();
    });
  } catch (error) {
    throw new Error(`the lab needs Debian's packages ${packages.join(', ')}, which apt-get does not download: ${(error as Error).message}`);
  }
  for (const file of await readdir(folder)) if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', path.join(folder, file), root]);
  return root;
}

async function onlyFile(folder: string, name: string): Promise<string> {
  const found = (await readdir(folder, { recursive: true })).filter((file) => path.basename(file) === name);
  if (found.length !== 1) throw new Error(`expected one ${name} in Debian's package, found ${found.length}`);
  return path.join(folder, found[0]!);
}
