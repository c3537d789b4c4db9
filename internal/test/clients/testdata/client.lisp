;;;; Does tasks with cl-ftp; see script in libraries.go. Loading it writes the
;;;; program client-lisp and ends.
(require :asdf)
(asdf:load-system :cl-ftp)

(defun connect (mode host port user password directory)
  (let ((conn (make-instance 'ftp:ftp-connection
                             :hostname host :port (parse-integer port) :username user :password password
                             :passive-ftp-p (string= mode "passive"))))
    (ftp:send-cwd-command conn directory)
    conn))

(defun perform (conn verb remote local offset)
  (let ((rest (parse-integer offset :junk-allowed t))
        (local (sb-ext:parse-native-namestring local))
        (bytes '(unsigned-byte 8)))
    (cond ((string= verb "list")
           (with-open-file (out local :direction :output :if-exists :supersede)
             (ftp:send-list-command conn out)))
          ((search "get" verb)
           (with-open-file (out local :direction :output :element-type bytes :if-exists (if rest :overwrite :supersede))
             (file-position out (or rest 0))
             (ftp:retrieve-file conn remote out :rest rest)))
          (t
           (with-open-file (in local :element-type bytes)
             (file-position in (or rest 0))
             (ftp:store-file conn in remote :rest rest))))))

;; After a transfer, cl-ftp waits for 226 or 5yz, without a limit and even while
;; the stack unwinds. It ends by an error when its connection is closed.
(defun disconnect (conn)
  (when conn
    (ignore-errors (close (usocket:socket-stream (slot-value conn 'ftp::socket)) :abort t))))

(defun attempt (conn arguments task)
  "Does TASK and returns the connection, and what there is to say about it."
  (handler-case
      (handler-bind ((sb-ext:timeout (lambda (c) (declare (ignore c)) (disconnect conn))))
        (sb-ext:with-timeout (parse-integer (first (last arguments)))
          (unless conn
            (setf conn (apply #'connect (butlast arguments))))
          (if (apply #'perform conn task)
              (values conn "ok")
              (error "the reply was 5yz"))))
    (condition (c)
      (disconnect conn)
      (values nil (format nil "failed: ~A ~A" (type-of c) (substitute #\Space #\Newline (princ-to-string c)))))))

(defun tabs (line)
  (split-sequence:split-sequence #\Tab line))

(defun main ()
  (loop :with conn = nil
        :for line = (read-line *standard-input* nil)
        :while line
        :do (destructuring-bind (operation &rest task) (tabs line)
              (multiple-value-bind (next said) (attempt conn (rest sb-ext:*posix-argv*) task)
                (setf conn next)
                (format t "~A~C~A~%" operation #\Tab said)
                (force-output)))
        :finally (when conn (ftp:close-connection conn))))

(sb-ext:save-lisp-and-die "client-lisp" :executable t :save-runtime-options t :toplevel (lambda () (main) (sb-ext:exit)))
