import com.fasterxml.jackson.databind.ObjectMapper;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.interpret.RenderResult;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Renders a template for each of several sets of properties, as Zeppelin's launcher does: dotted keys become nested maps, a value in the
 * way of a map moves to its key "_" (K8sSpecTemplate of Zeppelin 0.12.1: the order of keys decides, here it is the order of the JSON).
 * Each line of standard input is JSON, {"template", "properties": a list of maps}; the answer is a line, a JSON list of {"output", "errors"}.
 */
public class Render {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper json = new ObjectMapper();
    Jinjava jinjava = new Jinjava(JinjavaConfig.newBuilder().withLstripBlocks(true).withTrimBlocks(true).build());
    BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = questions.readLine(); line != null; line = questions.readLine()) {
      Map<String, Object> question = json.readValue(line, Map.class);
      List<Map<String, Object>> results = new ArrayList<>();
      for (Object properties : (List<Object>) question.get("properties")) {
        RenderResult result = jinjava.renderForResult((String) question.get("template"), nested((Map<String, Object>) properties));
        List<String> errors = new ArrayList<>();
        result.getErrors().forEach(error -> errors.add(error.getSeverity() + " " + error.getMessage()));
        results.add(Map.of("output", result.getOutput(), "errors", errors));
      }
      answers.println(json.writeValueAsString(results));
    }
  }

  private static Map<String, Object> nested(Map<String, Object> flat) {
    Map<String, Object> root = new HashMap<>();
    flat.forEach((key, value) -> {
      String[] parts = key.split("[.]");
      Map<String, Object> target = root;
      for (int i = 0; i < parts.length - 1; i++) {
        Object inner = target.get(parts[i]);
        if (!(inner instanceof Map)) {
          Map<String, Object> made = new HashMap<>();
          if (inner != null) {
            made.put("_", inner);
          }
          target.put(parts[i], made);
          inner = made;
        }
        target = (Map<String, Object>) inner;
      }
      String last = parts[parts.length - 1];
      if (target.get(last) instanceof Map) {
        ((Map<String, Object>) target.get(last)).put("_", value);
      } else {
        target.put(last, value);
      }
    });
    return root;
  }
}
