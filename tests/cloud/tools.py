"""The real programs that tests run against, built from package registries and cached by version.

Go modules are pinned by `tools/*/go.mod` and `go.sum`: kube-apiserver, kube-controller-manager, kube-scheduler, etcd, KWOK, restic,
actionlint, Prometheus, its exporters and Alertmanager, Helm and the charts that a stack installs; kubelet, kube-proxy, CoreDNS and
kube-router for a node; Vale for the words of the documentation. jinjava and Yarn are pinned by `tools/*/pom.xml`; Spark by the wheels,
scripts for a browser by the npm packages named here, jars by the images that take them, MLflow by `images/mlflow/requirements.txt`.
`python -m tests.cloud.tools` builds whatever is missing, `python -m tests.cloud.node build` what a real node runs.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(__file__).parent / "tools"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gaia-dmp"
GO_PROGRAMS = {
    "actionlint": ("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    "vale": ("vale", "github.com/errata-ai/vale/v3/cmd/vale"),
    "helm": ("charts", "helm.sh/helm/v3/cmd/helm"),
    "json_exporter": ("exporters", "github.com/prometheus-community/json_exporter"),
    "kube-state-metrics": ("exporters", "k8s.io/kube-state-metrics/v2"),
    "node_exporter": ("exporters", "github.com/prometheus/node_exporter"),
    "prometheus": ("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
    "promtool": ("prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kwok": ("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "restic": ("restic", "github.com/restic/restic/cmd/restic"),
}
"""Program to (module folder, package)."""

NODE_PROGRAMS = {
    "coredns": ("coredns", "."),
    "kube-proxy": ("kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
    "kube-router": ("kube-router", "."),
    "kubectl": ("kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    "kubelet": ("kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    "probe": ("probe", "."),
}
"""The same for what only a real node runs (tests/cloud/node)."""

OLDER_PROGRAMS = {"kubelet-1.35": ("kubernetes-1.35", "k8s.io/kubernetes/cmd/kubelet")}
"""The same for what only an upgrade begins with: built by the test that needs it."""

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
WANTED = {"go": "Go 1.26", "javac": "the JDK of Java 17", "mvn": "Maven", "npm": "Node.js 20 with npm"}
"""What a person installs to have a command."""

STATIC = ("coredns", "probe")
"""Programs that are a whole image by themselves, so they link nothing."""

SPARK = {"3.5": ("pyspark==3.5.8", "py4j==0.10.9.7"), "4.0": ("pyspark==4.0.5", "py4j==0.10.9.9")}
"""Spark's minor versions to the packages that carry driver, jars and Python side."""


JAVA_WARNINGS = "-Xlog:disable -Xlog:all=warning:stderr"
"""Java's option to warn on standard error: without it, it says on standard output that an archive does not fit."""

CONNECT = ("pyspark-client==4.0.4", "grpcio==1.85.3", "grpcio-status==1.85.3", "numpy==2.2.6", "pandas==2.2.3", "pyarrow==25.0.1")
"""The thin client of Spark Connect, with the numpy, pandas and pyarrow of the image."""


class ToolError(Exception):
    """A tool could not be built; the message says what is missing or what its builder said."""


def program(name: str) -> Path:
    """Path of one of GO_PROGRAMS, NODE_PROGRAMS or OLDER_PROGRAMS, built where the cache does not have it."""
    module, package = (GO_PROGRAMS | NODE_PROGRAMS | OLDER_PROGRAMS)[name]
    folder = TOOLS / module
    # Nobody debugs them, and without symbols they are a third smaller.
    flags, options = "-s -w", ["-tags="]
    if module == "prometheus":
        # Without what finds targets in clouds that we do not have; some of that is in no registry here.
        options = ["-tags=remove_all_sd,enable_kubernetes_sd"]
    if module.startswith("kubernetes"):
        # It says its own version only where its build tells it; Helm's charts ask for it.
        (version,) = re.findall(r"^require k8s.io/kubernetes (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
        flags += f" -X k8s.io/component-base/version.gitVersion={version}"
    options.append(f"-ldflags={flags}")
    sources = b"".join(file.read_bytes() for file in (folder / "go.sum", *sorted(folder.glob("*.go"))))
    environment = {"CGO_ENABLED": "0"} if name in STATIC else {}
    build = hashlib.sha256(sources + "".join((*options, *environment)).encode()).hexdigest()[:12]
    target = cached(f"{name}-{build}") / name
    return made(target, name, lambda part: run("go", "build", "-C", str(folder), *options, "-o", str(part), package, **environment))


def jinjava() -> list[str]:
    """The command that renders templates: a line of JSON in, a line of JSON out (Render.java)."""
    jars, source = f"{_jars('jinjava')}/*", TOOLS / "jinjava" / "Render.java"
    target = cached(f"render-{digest(source)}") / "classes"
    classes = made(target, "the renderer", lambda part: run("javac", "-nowarn", "-cp", jars, "-d", str(part), str(source)))
    return ["java", "-cp", f"{classes}:{jars}", "Render"]


def charts() -> Path:
    """A folder with the charts that components/observability/charts installs, each with the charts that it depends on."""
    folder = TOOLS / "charts"
    sources = {
        "prometheus-community": ("prometheus", "prometheus-node-exporter", "prometheus-json-exporter"),
        "grafana-community": ("grafana",),
    }
    inner = ("alertmanager", "kube-state-metrics", "prometheus-node-exporter", "prometheus-pushgateway")

    def copy(part: Path) -> None:
        for owner, titles in sources.items():
            source = _module("charts", f"github.com/{owner}/helm-charts") / "charts"
            for title in titles:
                shutil.copytree(source / title, part / title, copy_function=shutil.copyfile)
                _writable(part / title)
            for title in inner if "prometheus" in titles else ():
                shutil.copytree(source / title, part / "prometheus" / "charts" / title, copy_function=shutil.copyfile)
                _writable(part / "prometheus" / "charts" / title)

    return made(cached(f"charts-{digest(folder / 'go.sum')}") / "charts", "charts", copy)


def alertmanager() -> Path:
    """Alertmanager, of the version that Prometheus' own module names. Its web page is not in the module (npm and Elm make it): an empty one
    stands in."""

    def build(part: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "source"
            shutil.copytree(_module("prometheus", "github.com/prometheus/alertmanager"), source, copy_function=shutil.copyfile)
            _writable(source)
            page = source / "ui" / "app" / "dist" / "index.html"
            page.parent.mkdir()
            page.touch()
            run("go", "build", "-C", str(source), "-o", str(part), "./cmd/alertmanager")

    return made(cached(f"alertmanager-{digest(TOOLS / 'prometheus' / 'go.sum')}") / "alertmanager", "alertmanager", build)


def _module(folder: str, name: str) -> Path:
    """Where the source of a Go module is, of the version that `tools/<folder>/go.mod` names."""
    answer = subprocess.run(("go", "mod", "download", "-C", str(TOOLS / folder), "-json", name), capture_output=True, check=False)
    if answer.returncode:
        raise ToolError(f"{name}: {answer.stderr.decode()[-1000:]}")
    return Path(json.loads(answer.stdout)["Dir"])


def _writable(folder: Path) -> None:
    """Go's cache is read-only, and so is what copies it."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def jar(coordinate: str, sha256: str) -> Path:
    """A jar of Maven Central. coordinate: `group:artifact:version`. sha256: its digest. Raises ToolError where it is another."""
    _, artifact, version = coordinate.split(":")
    name = f"{artifact}-{version}.jar"

    def fetch(part: Path) -> None:
        run("mvn", "-q", "-B", "dependency:copy", f"-Dartifact={coordinate}", f"-DoutputDirectory={part}")
        with (part / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise ToolError(f"{coordinate} is not what it was")

    return made(cached(f"jar-{sha256[:12]}") / "lib", name, fetch) / name


def yarn() -> Path:
    """A folder with the jars of Yarn's ResourceManager and NodeManager."""
    return _jars("yarn")


def shuffle_service() -> Path:
    """A folder with the jars of Spark's shuffle service, which a NodeManager loads with nothing else of Spark's."""
    bare, site = _jars("yarn-shuffle"), spark("3.5")
    needed = ("commons-crypto", "commons-lang3", "jackson", "leveldbjni", "metrics-core", "netty", "rocksdbjni", "spark-common-utils")
    needed += ("spark-network", "tink")

    def copy(part: Path) -> None:
        part.mkdir()
        for jar in (*bare.glob("*.jar"), *(site / "pyspark" / "jars").glob("*.jar")):
            if jar.name.startswith(needed):
                shutil.copy(jar, part)

    return made(cached(f"shuffle-service-{digest(TOOLS / 'yarn-shuffle' / 'pom.xml')}-{site.parent.name}") / "lib", "shuffle service", copy)


def _jars(name: str) -> Path:
    """A folder with the jars that `tools/<name>/pom.xml` names."""
    pom = TOOLS / name / "pom.xml"
    command = ("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies")
    return made(cached(f"{name}-{digest(pom)}") / "lib", name, lambda part: run(*command, f"-DoutputDirectory={part}"))


def spark(minor: str) -> Path:
    """A folder for PYTHONPATH that holds pyspark of one minor version; its jars are in `pyspark/jars`."""
    packages = SPARK[minor]
    target = cached(packages[0].replace("==", "-")) / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target")
    return made(target, packages[0], lambda part: run(*pip, str(part), *packages))


def spark_classes(minor: str) -> Path:
    """The folder of `driver.jsa` and `executor.jsa`, where tests/cloud/spark_classes.py has made them for this Java."""
    release = Path(shutil.which("java") or "java").resolve().parents[1] / "release"
    java = digest(release) if release.exists() else "java"
    return CACHE / "tools" / f"{SPARK[minor][0].replace('==', '-')}-classes-{java}"


def quick_java(minor: str, role: str) -> dict[str, str]:
    """The environment of a Spark driver or executor that starts with the least work, where tests want that (tests/cloud/conftest.py)."""
    options = os.environ.get("JAVA_TOOL_OPTIONS")
    if options is None or not (archive := spark_classes(minor) / f"{role}.jsa").exists():
        return {}
    return {"JAVA_TOOL_OPTIONS": f"{options} -XX:SharedArchiveFile={archive} {JAVA_WARNINGS}"}


def connect() -> Path:
    """A folder for PYTHONPATH that holds a person's thin client of Spark Connect: neither jars nor Java."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target")
    target = cached(CONNECT[0].replace("==", "-")) / "site"
    return made(target, CONNECT[0], lambda part: run(*pip, str(part), *CONNECT))


def mermaid() -> Path:
    """The script that draws Mermaid graphs in a browser, as GitHub does."""
    digest = "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="
    return _script("mermaid", "12.3.0", digest, "dist/mermaid.min.js")


def iframe_worker() -> Path:
    """The script by which the documentation's search works in pages that are opened from a disk, where browsers allow no worker."""
    digest = "roeaaI+Lg1LJNfgpCjoRe/+WzEjy9+Z08LoEvu85MCPbBjwm+qXz8Ag5U05lHa6V1CysZyGzE0SOkAtSUA5q7Q=="
    return _script("iframe-worker", "1.0.4", digest, "shim/index.js")


def _script(package: str, version: str, integrity: str, name: str) -> Path:
    """One file of an npm package. integrity: SHA-512 of the package, as the registry tells it, in base64."""

    def fetch(part: Path) -> None:
        part.mkdir()
        run("npm", "pack", "--silent", "--pack-destination", str(part), f"{package}@{version}")
        (archive,) = part.glob("*.tgz")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != integrity:
            raise ToolError(f"{package} {version} is not what it was")
        with tarfile.open(archive) as packed:
            packed.extractall(part, members=[packed.getmember(f"package/{name}")], filter="data")

    return made(cached(f"{package}-{version}") / "lib", package, fetch) / "package" / name


def cloud_init(suite: str) -> Path:
    """A folder with the unpacked cloud-init of a suite of Debian, by apt."""
    keys, mirror = "/usr/share/keyrings/debian-archive-keyring.gpg", os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")

    def fetch(part: Path) -> None:
        for folder in ("lists/partial", "cache/archives/partial"):
            (part / folder).mkdir(parents=True)
        (part / "sources").write_text(f"deb [signed-by={keys}] {mirror} {suite} main\n")
        told = {
            "Etc::SourceList": part / "sources",
            "Etc::SourceParts": "/dev/null",
            "State::Lists": part / "lists",
            "Cache": part / "cache",
        }
        apt = ["apt-get", "-qq", *(f"-oDir::{key}={value}" for key, value in told.items())]
        run(*apt, "update")
        found = subprocess.run([*apt, "download", "cloud-init"], cwd=part, capture_output=True, text=True, check=False)
        packages = list(part.glob("*.deb"))
        if not packages:
            raise ToolError(f"cloud-init of {suite}: {found.stderr[-1000:]}")
        run("dpkg-deb", "--extract", str(packages[0]), str(part / "root"))
        shutil.rmtree(part / "lists")

    return made(cached(f"cloud-init-{suite}") / "lib", f"cloud-init of {suite}", fetch) / "root"


def chromium() -> str:
    """Debian's Chromium, or "" where there is none."""
    return shutil.which("chromium") or ""


def plotting() -> Path:
    """A folder for PYTHONPATH with what the example notebooks plot with."""
    packages = ("matplotlib==3.10.9", "numpy==2.2.6")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target")
    return made(cached("-".join(packages).replace("=", "")) / "site", packages[0], lambda part: run(*pip, str(part), *packages))


def mlflow(version: str = "") -> Path:
    """The Python of an environment that holds MLflow's server: that of our image, or an older version with what its maker asks for now."""
    if not version:
        return _environment("mlflow")
    packages = (f"mlflow[auth]=={version}",)
    return made(cached(f"mlflow-{version}") / "environment", f"MLflow {version}", lambda part: _install(part, *packages)) / "bin" / "python"


def libraries() -> Path:
    """The Python of an environment that holds what our Spark image holds for notebooks, MLflow's client among it."""
    return _environment("spark")


def _environment(image: str) -> Path:
    pinned = ROOT / "images" / image / "requirements.txt"
    packages = ("--require-hashes", "-r", str(pinned))
    target = cached(f"{image}-{digest(pinned)}") / "environment"
    return made(target, f"the packages of image {image}", lambda part: _install(part, *packages)) / "bin" / "python"


def _install(part: Path, *packages: str) -> None:
    run(sys.executable, "-m", "venv", str(part))
    run(str(part / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def cached(name: str) -> Path:
    folder = CACHE / "tools" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made(target: Path, name: str, make: Callable[[Path], None]) -> Path:
    """`target`, made beside and moved where it is missing, so that a killed build leaves nothing that looks whole."""
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        with progress(f"Building {name}"):
            make(part)
        part.rename(target)
    return target


class progress:  # noqa: N801 - reads as a statement
    """A line that counts seconds while something long goes on; plain lines where nobody watches. detail: what goes on just now."""

    def __init__(self, title: str, detail: Callable[[], str] = str) -> None:
        self._title, self._detail = title, detail
        self._done, self._begin = threading.Event(), time.monotonic()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _show(self) -> None:
        watched = sys.stderr.isatty()
        begin, end = ("\r\033[K", "") if watched else ("", "\n")
        while not self._done.wait(1 if watched else 60):
            seconds = time.monotonic() - self._begin
            print(f"{begin}{self._title}: {seconds:.0f} s {self._detail()}".rstrip(" "), end=end, file=sys.stderr, flush=True)
        print(f"{begin}{self._title}: done in {time.monotonic() - self._begin:.0f} s", file=sys.stderr, flush=True)


def run(*command: str, **environment: str) -> None:
    if shutil.which(command[0]) is None:
        raise ToolError(f"{command[0]} is not on PATH: install {WANTED.get(command[0], command[0])}")
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    if result.returncode:
        raise ToolError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stderr[-3000:]}{result.stdout[-1000:]}")


def main() -> None:
    """Build everything that is missing."""
    try:
        for name in GO_PROGRAMS:
            program(name)
        alertmanager()
        jinjava()
        charts()
        for minor in SPARK:
            spark(minor)
        connect()
        yarn()
        shuffle_service()
        plotting()
        mlflow()
        libraries()
    except ToolError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
