import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.transport.Netty4Plugin;

/** One OpenSearch node on loopback, from its jars alone: arguments are its folder and its HTTP port; it ends with stdin. */
public class Node extends org.opensearch.node.Node {
  private Node(Settings settings, Path config) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> "beside"), List.of(Netty4Plugin.class), true);
  }

  public static void main(String[] arguments) throws Exception {
    Path home = Path.of(arguments[0]);
    Settings settings = Settings.builder()
        .put("path.home", home)
        .put("path.data", home.resolve("data"))
        .put("path.logs", home.resolve("logs"))
        .put("cluster.name", "beside")
        .put("network.host", "127.0.0.1")
        .put("http.port", arguments[1])
        .put("transport.port", "0")
        .put("discovery.type", "single-node")
        .put("http.type", "netty4")
        .put("transport.type", "netty4")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build();
    try (Node node = new Node(settings, home.resolve("config"))) {
      node.start();
      while (System.in.read() >= 0) {
        // What is written here says nothing; its end is the end.
      }
    }
  }
}
