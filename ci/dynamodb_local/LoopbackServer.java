import java.net.InetSocketAddress;
import org.eclipse.jetty.server.Server;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBRequestHandler;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBServerHandler;

/**
 * Serves DynamoDB Local from memory on any free port of 127.0.0.1, until its standard input ends.
 *
 * <p>DynamoDB Local's own launcher listens on every address of the machine, and sends telemetry unless told not to;
 * this one has neither.
 */
class LoopbackServer {
    public static void main(String[] arguments) throws Exception {
        var inMemory = new LocalDynamoDBRequestHandler(0, true, null, false, false);
        var server = new Server(new InetSocketAddress("127.0.0.1", 0));
        server.setHandler(new LocalDynamoDBServerHandler(inMemory, null));
        server.start();
        System.out.println(server.getURI().getPort());
        while (System.in.read() != -1) {}
        System.exit(0);
    }
}
