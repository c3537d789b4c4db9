// Does tasks with System.Net.FtpWebRequest; see script in libraries.go.

using System;
using System.IO;
using System.Net;
using System.Text.RegularExpressions;

static class Client
{
    static string[] where;

    static FtpWebRequest Request(string method, string remote, string offset)
    {
        string host = where[1].Contains(":") ? "[" + where[1] + "]" : where[1];
        var path = where[5] == "" ? remote : where[5] + "/" + remote;
        var request = (FtpWebRequest)WebRequest.Create(
            "ftp://" + host + ":" + where[2] + "/" + Uri.EscapeDataString(path).Replace("%2F", "/"));
        request.Method = method;
        request.Credentials = new NetworkCredential(where[3], where[4]);
        request.UsePassive = where[0] == "passive";
        request.UseBinary = true;
        request.Timeout = request.ReadWriteTimeout = int.Parse(where[6]) * 1000;
        if (offset != "")
        {
            request.ContentOffset = long.Parse(offset);
        }
        return request;
    }

    static void Download(string method, string remote, string local, string offset)
    {
        using (var response = Request(method, remote, offset).GetResponse())
        using (var file = new FileStream(local, offset == "" ? FileMode.Create : FileMode.Open))
        {
            file.Seek(offset == "" ? 0 : long.Parse(offset), SeekOrigin.Begin);
            response.GetResponseStream().CopyTo(file);
        }
    }

    static void Upload(string remote, string local, string offset)
    {
        var request = Request(WebRequestMethods.Ftp.UploadFile, remote, offset);
        using (var file = File.OpenRead(local))
        using (var stream = request.GetRequestStream())
        {
            file.Seek(offset == "" ? 0 : long.Parse(offset), SeekOrigin.Begin);
            file.CopyTo(stream);
        }
        request.GetResponse().Close();
    }

    static void Main(string[] args)
    {
        where = args;
        for (string line; (line = Console.ReadLine()) != null;)
        {
            var task = line.Split('\t');
            string said = "ok";
            try
            {
                if (task[1] == "list")
                {
                    Download(WebRequestMethods.Ftp.ListDirectoryDetails, "", task[3], "");
                }
                else if (task[1].EndsWith("get"))
                {
                    Download(WebRequestMethods.Ftp.DownloadFile, task[2], task[3], task[4]);
                }
                else
                {
                    Upload(task[2], task[3], task[4]);
                }
            }
            catch (Exception e)
            {
                said = "failed: " + Regex.Replace(e.GetType().Name + " " + e.Message, @"\s+", " ");
            }
            Console.WriteLine(task[0] + "\t" + said);
        }
    }
}
