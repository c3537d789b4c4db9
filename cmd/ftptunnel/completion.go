package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/ftptunnel/cmd/ftptunnel/internal/complete"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// wholeNames makes bash complete user@host as one word.
const wholeNames = `COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}`

// completionCommand prints the completion for a shell. A host of that name is
// reached as user@completion.
func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Hidden: true, ValidArgs: shells, DisableFlagsInUseLine: true,
		Short: "Print the completion for a shell",
		Example: `  source <(ftptunnel completion bash)            # in ~/.bashrc, after bash-completion
  source <(ftptunnel completion zsh)             # in ~/.zshrc, after compinit
  ftptunnel completion fish | source             # in ~/.config/fish/config.fish`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return &settings.Error{
					Text: fmt.Sprintf("no completion for %q", strings.Join(args, " ")),
					Hint: "ftptunnel completion bash, zsh or fish; if completion is a host, name the user too: ftptunnel user@completion",
				}
			}
			root, out := c.Root(), c.OutOrStdout()
			switch args[0] {
			case "bash":
				fmt.Fprintln(out, wholeNames)
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			}
			return root.GenFishCompletion(out, true)
		},
	}
}

// completeGateway completes the first argument of a command.
func completeGateway(c *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) > 0 && c.Name() == "run":
		return nil, cobra.ShellCompDirectiveDefault // perhaps of its command
	case len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp // an FTP server, which the gateway knows
	}
	return complete.Hosts(prefix), cobra.ShellCompDirectiveNoFileComp
}

// completeTunnel completes the names of tunnels.
func (p *program) completeTunnel(s *source) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
		if file, err := p.read(&source{path: s.path}); err == nil {
			for _, t := range file.Tunnels {
				if !slices.Contains(args, t.Name) {
					names = append(names, t.Name)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags says how the values of c's flags are completed; those of others are
// names of files.
func completeFlags(c *cobra.Command) {
	for name, values := range map[string][]cobra.Completion{
		"server-mode": {"auto", "passive", "active", "client"}, "log-format": {"text", "json"}, "pasv-address": {"control", "reply"}, "allow-user": {"any"},
		"login": nil, "port": nil, "listen": nil, "dynamic": nil, "option": nil, "data-timeout": nil, "drain-timeout": nil, "active-address": nil,
		"allow-target": nil, "max-clients": nil, "user": nil,
	} {
		if c.Flags().Lookup(name) != nil {
			_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if c.Flags().Lookup("jump") != nil {
		_ = c.RegisterFlagCompletionFunc("jump", func(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return complete.Hosts(prefix), cobra.ShellCompDirectiveNoFileComp
		})
	}
	if c.Flags().Lookup("file") != nil {
		_ = c.RegisterFlagCompletionFunc("file", cobra.FixedCompletions([]cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt))
	}
}
