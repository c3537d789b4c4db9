# Does tasks with Ruby's net-ftp; see script in libraries.go.
require "net/ftp"

MODE, HOST, PORT, USER, PASSWORD, DIRECTORY, PATIENCE = ARGV
$stdout.sync = true

def connect
  ftp = Net::FTP.new(HOST, port: PORT.to_i, username: USER, password: PASSWORD, passive: MODE == "passive",
                     open_timeout: PATIENCE.to_i, read_timeout: PATIENCE.to_i)
  ftp.chdir(DIRECTORY)
  ftp
end

def perform(ftp, verb, remote, local, _offset)
  ftp.resume = verb.start_with?("re")
  case verb
  when "list" then File.write(local, ftp.list.join("\n"))
  when "get", "reget" then ftp.getbinaryfile(remote, local)
  when "put", "reput" then ftp.putbinaryfile(local, remote)
  end
end

ftp = nil
$stdin.each_line(chomp: true) do |line|
  operation, *task = line.split("\t", -1)
  said = "ok"
  begin
    ftp ||= connect
    perform(ftp, *task)
  rescue => e
    said = "failed: #{e.class} #{e.message}".gsub(/\s+/, " ")
    ftp&.close
    ftp = nil
  end
  puts "#{operation}\t#{said}"
end
ftp&.quit
