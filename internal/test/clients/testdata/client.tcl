# Does tasks with the package ftp of tcllib; see script in libraries.go.
encoding system utf-8
package require ftp

lassign $argv mode host port user password directory patience
fconfigure stdin -encoding utf-8
fconfigure stdout -encoding utf-8 -buffering line

# reported is the last error that the package has reported.
proc note {handle message state} {
    if {$state eq "error"} {
        set ::reported $message
    }
}

proc check {done what} {
    if {!$done} {
        error "$what: $::reported"
    }
}

proc connect {} {
    global mode host port user password directory patience
    set ftp [ftp::Open $host $user $password -port $port -mode $mode -timeout $patience -output ::note]
    check [expr {$ftp >= 0}] connect
    check [ftp::Cd $ftp $directory] cd
    return $ftp
}

proc perform {ftp verb remote local offset} {
    switch $verb {
        list {
            set lines [ftp::List $ftp]
            set file [open $local w]
            puts $file [join $lines \n]
            close $file
            check [llength $lines] list
        }
        get {check [ftp::Get $ftp $remote $local] get}
        reget {check [ftp::Reget $ftp $remote $local] reget}
        put {check [ftp::Put $ftp $local $remote] put}
        reput {
            set file [open $local]
            seek $file $offset
            check [ftp::Append $ftp -channel $file $remote] append
        }
    }
}

# disconnect closes a connection whose state is not known.
proc disconnect {ftp} {
    ftp::CloseDataConn $ftp
    catch {close [set ::ftp::ftp${ftp}(CtrlSock)]}
}

set ftp ""
while {[gets stdin line] >= 0} {
    set task [lassign [split $line \t] operation]
    set reported "nothing reported"
    if {[catch {
        if {$ftp eq ""} {
            set ftp [connect]
        }
        perform $ftp {*}$task
    } message]} {
        puts "$operation\tfailed: [string map {\n " "} $message]"
        if {$ftp ne ""} {
            disconnect $ftp
        }
        set ftp ""
    } else {
        puts "$operation\tok"
    }
}
if {$ftp ne ""} {
    ftp::Close $ftp
}
