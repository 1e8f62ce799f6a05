// SPDX-License-Identifier: MIT
// What coordd can be told, on the command line or in its configuration file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "daemon/settings.hpp"
#include "net/log.hpp"

namespace coord::coordd {

struct Arguments {
  daemon::Options peer;
  std::string config;       // as given
  std::string config_read;  // that one, or the usual one
  std::string trace_log;    // for the events of classical algorithms; empty: none
  std::vector<std::string> peers;
  std::vector<std::string> handed_over;  // files of peers alone whose place the group takes
  bool private_peer = false;
  bool host = false;
  bool keygen = false;
  bool check_config = false;
  bool first = false;
  // Where the engine is named, and what is said of it: to see by what.
  const cli::Option* engine_option = nullptr;
  std::vector<const cli::Option*> about_engine;
  bool new_epoch = false;
  bool setup = false;
  std::string address;        // with setup: this peer's own
  bool without_vote = false;  // with join_file: not one of its peers
  std::string join_file;      // of a host that was set up, or -
  std::string found_from;     // a former state directory, a backup, the file of the first host, or -
  std::uint64_t ring_user_keys = 0,
                ring_user_bytes = 0;  // that one user's keys may come to here; 0: any number
  net::LogLevel level = net::LogLevel::info;

  void join_peers();  // once all are known: `peers` as the one list that daemon::check wants
};

// What the configuration file says, to what the command line has left open: the file that
// is named, or the usual one.
Status read_configuration(cli::Options& options, Arguments& arguments);

// Declares all of it. Who only wants to know what a file says (dpeers doctor) does so too.
void declare(cli::Options& options, Arguments& arguments);

}  // namespace coord::coordd
