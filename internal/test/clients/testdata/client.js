// Does tasks with basic-ftp; see script in libraries.go.
const fs = require("fs")
const readline = require("readline")
const ftp = require("basic-ftp")

const [mode, host, port, user, password, directory, patience] = process.argv.slice(2)

async function connect() {
    const client = new ftp.Client(Number(patience) * 1000)
    if (mode === "PASV") {
        client.prepareTransfer = ftp.enterPassiveModeIPv4
    }
    await client.access({ host, port: Number(port), user, password })
    await client.cd(directory)
    return client
}

async function perform(client, verb, remote, local, offset) {
    const start = Number(offset)
    switch (verb) {
    case "list": {
        const files = await client.list()
        fs.writeFileSync(local, files.map(file => file.name + "\n").join(""))
        break
    }
    case "get":
        await client.downloadTo(local, remote)
        break
    case "reget":
        await client.downloadTo(local, remote, start)
        break
    case "put":
        await client.uploadFrom(local, remote)
        break
    case "reput":
        await client.appendFrom(local, remote, { localStart: start })
        break
    }
}

async function main() {
    let client
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [operation, ...task] = line.split("\t")
        let said = "ok"
        try {
            client ??= await connect()
            await perform(client, ...task)
        } catch (error) {
            said = "failed: " + String(error).replace(/\s+/g, " ")
            client?.close()
            client = undefined
        }
        console.log(operation + "\t" + said)
    }
    client?.close()
}

main()
