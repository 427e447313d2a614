/*
 * commands.h - the sub-commands of `coracle`, one file each. argv[0] is the sub-command's name. The result is the exit
 * code.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int command_up(int argc, char **argv);
int command_down(int argc, char **argv);
int command_status(int argc, char **argv);
int command_kubeconfig(int argc, char **argv);
int command_node_host(int argc, char **argv); /* internal: the keeper of a further node */

#endif
