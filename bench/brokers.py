"""Kafka for the benches: one node in KRaft mode from the archives that scripts/servers.sh installs, and its own producer tool."""

import os
import pathlib
import re
import subprocess
import sys

from servers import free_port, wait_until
from tiers import logged



def archives():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    tools = os.environ.get("HISCORE_TOOLS") or pathlib.Path(cache, "hiscore")
    found = os.environ.get("HISCORE_KAFKA") or str(pathlib.Path(tools, "kafka"))
    if not pathlib.Path(found).is_dir():
        sys.exit("Kafka is missing; scripts/servers.sh kafka installs it")
    return found


class Kafka:
    """A broker that answers once a record is in its file's pages, as Kafka does by default: it syncs by replication."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder, "kafka")
        self.folder.mkdir()
        self.port, controller = free_port(), free_port()
        self.servers = f"127.0.0.1:{self.port}"
        logging = self.folder / "log4j2.properties"
        logging.write_text("rootLogger.level = warn\n")
        self.java = ["java", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={logging}", "-cp", f"{archives()}/*"]
        settings = self.folder / "server.properties"
        settings.write_text(
            "process.roles=broker,controller\nnode.id=0\n"
            f"listeners=PLAINTEXT://{self.servers},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://{self.servers}\ncontroller.listener.names=CONTROLLER\n"
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
            f"controller.quorum.voters=0@127.0.0.1:{controller}\nlog.dirs={self.folder}/data\n"
            "offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n"
            "transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n"
            "share.coordinator.state.topic.min.isr=1\n"
        )
        form = [*self.java, "kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(settings)]
        subprocess.run(form, check=True, stdout=subprocess.DEVNULL)
        log = self.folder / "server.log"
        self.process = logged([*self.java[:1], "-Xmx600m", *self.java[1:], "kafka.Kafka", str(settings)], log)
        wait_until(self.answers, "Kafka")

    def url(self, topic):
        return f"kafka://{self.servers}/{topic}"

    def tool(self, name, *arguments):
        command = [*self.java, name, "--bootstrap-server", self.servers, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def answers(self):
        return self.tool("org.apache.kafka.tools.TopicCommand", "--list").returncode == 0

    def create(self, topic, partitions):
        arguments = ["--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1"]
        made = self.tool("org.apache.kafka.tools.TopicCommand", *arguments)
        if made.returncode != 0:
            sys.exit(f"no topic: {made.stdout}{made.stderr}")

    def produce(self, topic, records, size):
        """Records a second and their p99 in ms by Kafka's own tool, with acks=all and its defaults otherwise."""
        command = [*self.java, "org.apache.kafka.tools.ProducerPerformance", "--topic", topic]
        command += ["--num-records", str(records), "--record-size", str(size), "--throughput", "-1"]
        command += ["--producer-props", f"bootstrap.servers={self.servers}", "acks=all"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        last = out.strip().splitlines()[-1]
        rate, p99 = re.search(r"([\d.]+) records/sec", last), re.search(r"(\d+) ms 99th", last)
        return {"rate": float(rate[1]), "p99_ms": float(p99[1])}

    def stop(self):
        self.process.kill()
        self.process.wait()
