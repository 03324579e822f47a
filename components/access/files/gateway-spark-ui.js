// Leads a person to the Spark UI of their own notebooks and nobody else's: what a driver serves on port 4040 is that person's own code, and
// it comes from the address of Zeppelin's login. To the history server, to Grafana and to models it leads whoever is logged in, by name. And it lets a
// person restart the interpreter of a notebook, not those of everybody.

// As Zeppelin makes Pod names from `<setting>-<user>-<note>` (K8sUtils.generateK8sName, 0.12.1).
function cleaned(name) {
    return name.toLowerCase().replace(/[^a-z0-9.-]/g, '').replace(/\.+/g, '');
}

// Whether `pod` is the interpreter of `user` for one of `settings`.
function owned(pod, user, settings) {
    return settings.some(function (setting) {
        const start = setting + '-' + cleaned(user) + '-';
        return cleaned(user) !== '' && pod.startsWith(start) && /^[a-z0-9]+-[a-z]{6}$/.test(pod.slice(start.length));
    });
}

// What Zeppelin's own session says of who asks: their name, the empty text where there is no session, and whether they are an administrator.
// where: the location that asks.
async function session(r, where) {
    const asked = await r.subrequest(where || '/who-am-i', {method: 'GET'});
    const nobody = {user: '', administrator: false};
    if (asked.status !== 200) {
        return nobody;
    }
    try {
        const body = JSON.parse(asked.responseText).body;
        if (body.principal === 'anonymous') {
            return nobody;
        }
        return {user: body.principal, administrator: JSON.parse(body.roles || '[]').includes('admin')};
    } catch (e) {
        r.error('who-am-i: ' + e.message);
        return nobody;
    }
}

async function whoAmI(r) {
    return (await session(r)).user;
}

const LOGIN = 'Log in to Zeppelin first.\n';

async function open(r) {
    const user = await whoAmI(r);
    if (!user) {
        r.return(401, LOGIN);
    } else if (!owned(r.variables.spark_pod, user, r.variables.spark_settings.split(' '))) {
        r.return(403, 'This Spark UI belongs to another person.\n');
    } else {
        r.internalRedirect('@spark-ui');
    }
}

// The application that a path of the history server tells of, or the empty text: an application is called like the Pod of its driver.
function application(path) {
    const found = /^\/+(?:history|api\/v1\/applications)\/+([^/;]+)/.exec(path);
    return found ? found[1] : '';
}

async function history(r) {
    const user = await whoAmI(r);
    const path = r.variables.history_path || '/';
    const asked = application(path);
    if (!user) {
        r.return(401, LOGIN);
    } else if (asked && !owned(asked, user, r.variables.spark_settings.split(' '))) {
        r.return(403, 'This application belongs to another person.\n');
    } else if (!r.variables.history_path) {
        r.return(302, '/history/');
    } else {
        r.internalRedirect('@history');
    }
}

// As the stack makes names of objects from login names (settings/values/login.py, slug).
function slug(name) {
    return name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
}

async function grafana(r) {
    const user = await whoAmI(r);
    if (!user) {
        r.return(401, LOGIN);
    } else {
        r.variables.person = slug(user);
        r.internalRedirect('@grafana');
    }
}

// Whether somebody may go to the server of models, and who they are, for nginx's auth_request.
async function models(r) {
    const gate = r.variables.models_gate;
    if (gate) {
        const passed = await r.subrequest(gate, {method: 'GET'});
        if (passed.status >= 300) {
            r.return(401);
            return;
        }
    }
    const token = (r.headersIn.Authorization || '').startsWith('Bearer ');
    const user = (await session(r, token ? '/who-has-this-token' : '/who-am-i')).user;
    // As login names are in a stack file (settings/values/vocabulary.py, LoginName): what goes into a header is nothing else.
    if (!user) {
        r.return(401);
    } else if (!/^[A-Za-z0-9._@-]{1,64}$/.test(user)) {
        r.return(403);
    } else {
        r.variables.person = user;
        r.return(200);
    }
}

// The notebook that a request to restart an interpreter names, or the empty text.
function namedNotebook(text) {
    try {
        const note = JSON.parse(text).noteId;
        return typeof note === 'string' && /^[0-9A-Za-z]{1,32}$/.test(note) ? note : '';
    } catch (e) {
        return '';
    }
}

async function restart(r) {
    const asker = await session(r);
    const note = namedNotebook(r.requestText || '');
    if (!asker.user) {
        r.return(401, LOGIN);
    } else if (!note && !asker.administrator) {
        r.return(403, 'Name a notebook of yours: only an administrator ends the interpreters of everybody.\n');
    } else if (!/\/restart\/[A-Za-z0-9_-]{1,64}$/.test(r.variables.request_uri)) {
        // The path as it was sent, for so it goes on. Zeppelin logs the name of the setting, and zeppelin/files/close_lost.py reads that log
        // line by line.
        r.return(404, 'There is no such interpreter.\n');
    } else {
        r.variables.restart_body = JSON.stringify(note ? {noteId: note} : {});
        r.internalRedirect('@restart');
    }
}

export default {open, history, grafana, models, owned, restart};
