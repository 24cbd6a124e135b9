// Requests that our parser takes, read by the parser of Node (llhttp): both must see the same requests and bodies. Where we refuse and
// Node does not, we are stricter, which is meant; the other way round is listed. Not part of ./test.
//   node tools/http_parity.mjs [N [SEED]]      N cases (default 20000), made from good requests by small changes
import { execFileSync } from 'node:child_process';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { HTTPParser, methods, allMethods } = process.binding('http_parser');
const names = allMethods ?? methods;
const count = Number(process.argv[2] ?? 20000);
let state = BigInt(process.argv[3] ?? 1);
const below = (n) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(n));
};

const H = 'Host: localhost\r\n';
const good = [
    `GET /a?b=c HTTP/1.1\r\n${H}Accept: */*\r\n\r\n`,
    `POST /x HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nhello`,
    `POST /x HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;e=1\r\n0123456789\r\n0\r\nT: v\r\n\r\n`,
    `GET /1 HTTP/1.1\r\n${H}\r\nPOST /2 HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nGETDELETE /3 HTTP/1.1\r\n${H}\r\n`,
    `GET http://localhost/x HTTP/1.1\r\n${H}Connection: close\r\n\r\n`,
    `HEAD / HTTP/1.0\r\n${H}Connection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\n${H}\r\n`,
    `PUT /%61 HTTP/1.1\r\n${H}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
];
const pieces = ['\r\n', '\n', '\r', ' ', '\t', ':', ';', ',', '0', '5', '+5', '-', '\0', '\x7f', '\x80', '%00', '%2e%2e', '/../', 'chunked',
    'Content-Length: 0\r\n', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', H, ' HTTP/1.1\r\n',
    '0\r\n\r\n', 'X: y\r\n', ' X: y\r\n', 'Connection: close\r\n', 'Upgrade: h2c\r\n', 'GET / HTTP/1.1\r\n', 'HTTP/1.0', 'HTTP/2.0'];

function change(text) {
    for (let k = below(4) >> 1; k >= 0; k--) {
        const at = below(text.length + 1), n = 1 + below(6);
        switch (below(4)) {
        case 0: text = text.slice(0, at) + pieces[below(pieces.length)] + text.slice(at); break;
        case 1: text = text.slice(0, at) + text.slice(at + n); break;
        case 2: text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1); break;
        default: text = text.slice(0, at) + text.slice(Math.max(0, at - 20), at) + text.slice(at);
        }
    }
    return Buffer.from(text, 'latin1');
}

// "METHOD body-in-hex" of each whole request, then "refused" if there was an error.
function node(bytes) {
    const seen = [];
    const p = new HTTPParser();
    let method = '', body = [];
    p.initialize(HTTPParser.REQUEST, {});
    p[HTTPParser.kOnHeaders | 0] = () => {};
    p[HTTPParser.kOnHeadersComplete | 0] = (major, minor, headers, m) => { method = names[m]; body = []; return 0; };
    p[HTTPParser.kOnBody | 0] = (b) => { body.push(Buffer.from(b)); };
    p[HTTPParser.kOnMessageComplete | 0] = () => { seen.push(`${method} ${Buffer.concat(body).toString('hex')}`); };
    const rc = p.execute(bytes);
    p.close();
    if (rc instanceof Error) seen.push('refused');
    return seen;
}

const cases = Array.from({ length: count }, () => change(good[below(good.length)]));
const folder = mkdtempSync(join(tmpdir(), 'autarky-http-'));
writeFileSync(join(folder, 'cases'), Buffer.concat(cases.map((c) => Buffer.concat([Buffer.from(`${c.length}\n`), c]))));
const lines = execFileSync('build/release/tests/check_http', ['cases', join(folder, 'cases')], { maxBuffer: 1 << 30 })
    .toString('latin1').trimEnd().split('\n');
rmSync(folder, { recursive: true });

let both = 0, neither = 0, stricter = 0, looser = 0, differ = 0;
cases.forEach((bytes, i) => {
    const ours = lines[i].split('|').filter((s) => s), theirs = node(bytes);
    const weRefuse = ours.at(-1) === 'refused', theyRefuse = theirs.at(-1) === 'refused';
    // What we took before refusing must be what Node read, too.
    const taken = ours.filter((s) => s !== 'refused' && s !== 'unfinished'), read = theirs.filter((s) => s !== 'refused');
    // With HTTP/1.0, Node lets keep-alive win over close in one request; RFC 9112, section 9.3, and we let close win.
    const closed = /HTTP\/1\.0[^]*\bclose\b/i.test(bytes.toString('latin1'));
    const same = taken.slice(0, read.length).every((s, k) => s === read[k]) && (weRefuse || theyRefuse || closed || taken.length === read.length);
    if (!same) differ++;
    else if (weRefuse && theyRefuse) neither++;
    else if (weRefuse) stricter++;
    else if (theyRefuse && taken.length <= read.length) neither++; // we wait for the end of a line that Node refuses already
    else if (theyRefuse) looser++;
    else both++;
    if (!same || (!weRefuse && theyRefuse && taken.length > read.length))
        console.log(same ? 'looser:' : 'DIFFER:', JSON.stringify(bytes.toString('latin1')), ours.join('|'), '/', theirs.join('|'));
});
console.log(`${count} cases: ${both} taken by both, ${neither} by neither, ${stricter} only by Node, ${looser} only by us, ` +
    `${differ} read differently`);
process.exit(differ ? 1 : 0);
