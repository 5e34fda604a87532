/**
 * The dictionary that header blocks of SPDY/3 are packed with (draft-mbelshe-httpbis-spdy-00, 2.6.10.1): names with their lengths first, then plain text.
 * Its Adler-32 checksum stands in every packed block; a test compares.
 */
const NAMES =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection ' +
  'content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host ' +
  'if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization ' +
  'range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status';
const MORE_NAMES = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'];
const TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
  '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=' +
  'gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

function withLength(name: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, Buffer.from(name, 'latin1')]);
}

export const SPDY_DICTIONARY: Buffer = Buffer.concat([
  ...[...NAMES.split(' '), ...MORE_NAMES].map(withLength),
  Buffer.from(TEXT, 'latin1'),
]);

/** Adler-32 (RFC 1950, 8.2) of the dictionary. */
export const SPDY_DICTIONARY_ID = 0xe3c6a7c2;
