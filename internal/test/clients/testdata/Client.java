// Does tasks with Apache Commons Net; see script in libraries.go.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPClient;
import org.apache.commons.net.ftp.FTPFile;

public class Client {
    static String[] where;

    static FTPClient connect() throws IOException {
        FTPClient ftp = new FTPClient();
        int patience = Integer.parseInt(where[6]) * 1000;
        ftp.setControlEncoding("UTF-8");
        ftp.setDefaultTimeout(patience);
        ftp.setConnectTimeout(patience);
        ftp.setDataTimeout(Duration.ofMillis(patience));
        ftp.setUseEPSVwithIPv4(where[0].equals("EPSV"));
        ftp.connect(where[1], Integer.parseInt(where[2]));
        check(ftp, ftp.login(where[3], where[4]));
        if (where[0].equals("active")) {
            ftp.enterLocalActiveMode();
        } else {
            ftp.enterLocalPassiveMode();
        }
        check(ftp, ftp.setFileType(FTP.BINARY_FILE_TYPE));
        check(ftp, ftp.changeWorkingDirectory(where[5]));
        return ftp;
    }

    static void check(FTPClient ftp, boolean done) throws IOException {
        if (!done) {
            throw new IOException(ftp.getReplyString());
        }
    }

    static void perform(FTPClient ftp, String verb, String remote, String local, String offset) throws IOException {
        if (verb.equals("list")) {
            FTPFile[] files = ftp.listFiles();
            check(ftp, org.apache.commons.net.ftp.FTPReply.isPositiveCompletion(ftp.getReplyCode()));
            try (PrintStream out = new PrintStream(local, "UTF-8")) {
                for (FTPFile file : files) {
                    out.println(file == null ? "?" : file.getName());
                }
            }
            return;
        }
        boolean up = verb.endsWith("put");
        try (RandomAccessFile file = new RandomAccessFile(local, up ? "r" : "rw")) {
            if (!offset.isEmpty()) {
                file.seek(Long.parseLong(offset));
                ftp.setRestartOffset(Long.parseLong(offset));
            }
            if (up) {
                try (InputStream in = Channels.newInputStream(file.getChannel())) {
                    check(ftp, ftp.storeFile(remote, in));
                }
            } else {
                try (OutputStream out = Channels.newOutputStream(file.getChannel())) {
                    check(ftp, ftp.retrieveFile(remote, out));
                }
            }
        }
    }

    public static void main(String[] args) throws IOException {
        where = args;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        FTPClient ftp = null;
        for (String line; (line = in.readLine()) != null; ) {
            String[] task = line.split("\t", -1);
            String said = "ok";
            try {
                if (ftp == null) {
                    ftp = connect();
                }
                perform(ftp, task[1], task[2], task[3], task[4]);
            } catch (Exception e) {
                said = "failed: " + e.toString().replaceAll("\\s+", " ");
                if (ftp != null) {
                    ftp.disconnect();
                }
                ftp = null;
            }
            out.println(task[0] + "\t" + said);
        }
        if (ftp != null) {
            ftp.logout();
            ftp.disconnect();
        }
    }
}
