// Starts, shows, lists and stops a person's drivers for Spark Connect, as `gaia connect` does (operate/connect.py), with the session of Zeppelin's
// that the browser has. It holds no right of its own: every request is one that its person may make.

const ROLES = ['owners', 'readers', 'writers', 'runners'];
const ADDRESS = /sc:\/\/[^\s"']+;x-driver=([a-z0-9-]+);token=[0-9a-f]+/;
// Of a Pod or a size. A size becomes the first word of a paragraph, and somebody else may make a notebook with any name and give it away.
const NAME = /^[a-z0-9-]{1,63}$/;
// Those that the platform has.
const SIZES = document.body.dataset.sizes.split(' ');
const OVER = ['FINISHED', 'ERROR', 'ABORT'];
// Seconds between two looks, and that a driver may take to start.
const EVERY = 1, PATIENCE = 1800;

const find = (selector) => document.querySelector(selector);
const say = (text) => { find('#said').textContent = text; };
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// The `body` of an answer of Zeppelin's REST API.
async function ask(method, path, body) {
    const more = body === undefined ? {} : {body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}};
    const answer = await fetch('/api' + path, {method, ...more});
    if (!answer.ok) {
        throw new Error(`${method} ${path}: ${answer.status}`);
    }
    return (await answer.json()).body;
}

// Id of each notebook that starts a driver, by the driver's size.
async function notes(user) {
    const folder = `/connect-${user}/`;
    const found = ((await ask('GET', '/notebook')) || []).filter(
        (note) => (note.path || '').startsWith(folder) && NAME.test(note.path.slice(folder.length)));
    return Object.fromEntries(found.map((note) => [note.path.slice(folder.length), note.id]));
}

// Whether nobody else may read, change or run a notebook: somebody's code would run in this person's driver.
async function isPrivate(user, note) {
    const people = (await ask('GET', `/notebook/${note}/permissions`)) || {};
    return ROLES.every((role) => JSON.stringify(people[role]) === JSON.stringify([user]));
}

const paragraphs = async (note) => (await ask('GET', `/notebook/${note}`)).paragraphs;

const printed = (paragraph) => ((paragraph.results || {}).msg || []).map((each) => each.data).join('\n');

// Takes away the addresses in a notebook, which a page or a program has left that was killed as it asked for one. It keeps the paragraphs:
// with the notebook, Zeppelin ends the interpreters that these have used. A page that still waits sees the title, and runs its paragraph
// again.
async function tidy(note) {
    for (const each of await paragraphs(note)) {
        const left = ADDRESS.exec(printed(each));
        if (left) {
            await ask('PUT', `/notebook/${note}/paragraph/${each.id}`, {title: left[1], text: each.text});
            await ask('PUT', `/notebook/${note}/clear`);
        }
    }
}

// Name of the driver's Pod, '' where none has started or it does not answer.
async function running(note) {
    await tidy(note);
    const pod = (await paragraphs(note)).map((each) => each.title || '').find((title) => NAME.test(title));
    return pod && (await fetch(`/spark-ui/${pod}/api/v1/applications`)).ok ? pod : '';
}

// A notebook that starts a driver of this size, and is this person's alone.
async function make(user, size) {
    const body = {notePath: `/connect-${user}/${size}`, addingEmptyParagraph: false, defaultInterpreterGroup: size};
    const note = await ask('POST', '/notebook', body);
    await ask('PUT', `/notebook/${note}/permissions`, Object.fromEntries(ROLES.map((role) => [role, [user]])));
    return note;
}

// What a paragraph prints. The gateway ends a request that takes minutes, so this asks again and again.
async function run(note, paragraph) {
    await ask('POST', `/notebook/job/${note}/${paragraph}`, {});
    for (let seconds = 0; seconds < PATIENCE; seconds += EVERY) {
        const found = (await paragraphs(note)).find((each) => each.id === paragraph);
        if (!found) {
            throw new Error('another page of yours has asked meanwhile, or gaia connect has: try again');
        }
        if (OVER.includes(found.status) && !found.title) {
            return printed(found);
        }
        // Who has given it a title clears what it has printed right after that.
        await wait(EVERY);
        if (found.title) {
            // A list has taken the address for one that was left (`tidy`). The driver runs, and says it again.
            await ask('PUT', `/notebook/${note}/paragraph/${paragraph}`, {title: '', text: found.text});
            await ask('POST', `/notebook/job/${note}/${paragraph}`, {});
        }
    }
    throw new Error(`no driver came in ${PATIENCE / 60} minutes`);
}

// Address of the driver of this size, with its token. It is started if it does not run.
async function start(user, size) {
    const known = (await notes(user))[size];
    const note = known || await make(user, size);
    if (!await isPrivate(user, note)) {
        throw new Error(`notebook /connect-${user}/${size} (${note}) is open to others, too: remove it in Zeppelin, and try again`);
    }
    for (const old of await paragraphs(note)) {
        await ask('DELETE', `/notebook/${note}/paragraph/${old.id}`);
    }
    const text = `%${size}.pyspark\nconnect_url()`;
    const paragraph = await ask('POST', `/notebook/${note}/paragraph`, {title: '', text});
    // Without the paragraph, what it prints later stays nowhere, even where this page is closed meanwhile.
    const forget = () => fetch(`/api/notebook/${note}/paragraph/${paragraph}`, {method: 'DELETE', keepalive: true});
    addEventListener('pagehide', forget);
    let said;
    try {
        said = await run(note, paragraph);
        // The token is not to stay in the notebook.
        await ask('PUT', `/notebook/${note}/clear`);
    } catch (error) {
        await forget();
        throw error;
    } finally {
        removeEventListener('pagehide', forget);
    }
    const found = ADDRESS.exec(said);
    if (!found) {
        if (!known) {
            await ask('DELETE', `/notebook/${note}`);
        }
        throw new Error(`${size} gave no address: ${said.trim().slice(-500) || 'no result'}`);
    }
    await ask('PUT', `/notebook/${note}/paragraph/${paragraph}`, {title: found[1], text});
    return found[0];
}

// With a notebook, Zeppelin ends the interpreters that its paragraphs have used, and a start that was given up has left none. A size that the
// platform has no longer runs nowhere. While another one does, its notebook is what it is known by, so that stays where the restart fails.
async function stop(size, note) {
    if (SIZES.includes(size)) {
        await ask('PUT', `/interpreter/setting/restart/${size}`, {noteId: note});
    }
    await ask('DELETE', `/notebook/${note}`);
}

function show(address) {
    const lines = ['from pyspark.sql import SparkSession', `spark = SparkSession.builder.remote("${address}").getOrCreate()`, 'spark.range(10).count()'];
    find('#address pre').textContent = address ? lines.join('\n') : '';
    find('#address').hidden = !address;
}

function button(title, act) {
    const made = document.createElement('button');
    made.textContent = title;
    made.addEventListener('click', act);
    return made;
}

// Do something for a size, and say how it went; nothing else meanwhile.
async function doing(user, words, act) {
    const busy = (yes) => document.querySelectorAll('tbody button').forEach((each) => { each.disabled = yes; });
    busy(true);
    show('');
    say(words);
    try {
        show(await act() || '');
        say('');
    } catch (error) {
        say(error.message);
    }
    try {
        await list(user);
    } catch (error) {
        // The list stays as it was.
        say(find('#said').textContent || error.message);
        busy(false);
    }
}

async function list(user) {
    const known = await notes(user);
    const rows = [];
    for (const size of [...new Set([...SIZES, ...Object.keys(known)])]) {
        const note = known[size], pod = note && await isPrivate(user, note) ? await running(note) : '';
        const row = document.createElement('tr');
        [size, pod || (note ? 'does not run' : '')].forEach((text) => { row.insertCell().textContent = text; });
        const words = pod ? `${size}: asked for its address` : `${size}: a driver starts, which takes up to some minutes`;
        row.insertCell().append(
            button(pod ? 'Show address' : 'Start', () => doing(user, words, () => start(user, size))),
            ...(note ? [button('Stop', () => doing(user, `${size}: stops`, () => stop(size, note)))] : []),
        );
        rows.push(row);
    }
    find('tbody').replaceChildren(...rows);
    find('table').hidden = false;
}

async function begin() {
    // Zeppelin answers who has no session with a redirection.
    const answer = await fetch('/api/security/ticket', {redirect: 'manual'});
    if (answer.status >= 500) {
        throw new Error(`Zeppelin does not answer: ${answer.status}`);
    }
    const user = answer.ok ? (await answer.json()).body.principal : 'anonymous';
    if (user === 'anonymous') {
        const link = document.createElement('a');
        link.href = '/';
        link.textContent = 'Log in to Zeppelin';
        find('#who').replaceChildren(link, ' first, and come back.');
        return;
    }
    find('#who').textContent = `Drivers of ${user}. One ends by itself when it is idle.`;
    find('#address button').addEventListener('click', () => navigator.clipboard.writeText(find('#address pre').textContent));
    await list(user);
}

// A browser may keep a page to go back to, for whoever sits there then.
addEventListener('pagehide', () => show(''));
begin().catch((error) => say(error.message));
