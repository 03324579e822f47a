// Leads a person to the Spark UI of their own notebooks and nobody else's: what a driver serves on port 4040 is that person's own code, and
// it comes from the address of Zeppelin's login.

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

async function open(r) {
    const asked = await r.subrequest('/who-am-i', {method: 'GET'});
    let user = '';
    try {
        user = asked.status === 200 ? JSON.parse(asked.responseText).body.principal : '';
    } catch (e) {
        r.error('who-am-i: ' + e.message);
    }
    if (!user || user === 'anonymous') {
        r.return(401, 'Log in to Zeppelin first.\n');
    } else if (!owned(r.variables.spark_pod, user, r.variables.spark_settings.split(' '))) {
        r.return(403, 'This Spark UI belongs to another person.\n');
    } else {
        r.internalRedirect('@spark-ui');
    }
}

export default {open, owned};
