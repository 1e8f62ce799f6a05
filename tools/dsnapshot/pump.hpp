// SPDX-License-Identifier: MIT
// Between a command's pipes and the group: what `dsnapshot run` does while the command runs.
//
// Threading: made by the main thread, which then guards the command (cli::HeldSession); work() is a second
// thread's, with all signals blocked. The calls that both may make are marked.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "cut/speech.hpp"
#include "group_line.hpp"
#include "snapshot/run_log.hpp"
#include "spill_file.hpp"

namespace coord::dsnapshot {

class Pump {
 public:
  struct Terms {
    std::string group, id;
    cut::Life life = 0;
    cut::Format format = cut::Format::tsv;
    char line_end = '\n';
    Duration patience = std::chrono::seconds(10);
    std::string state_command;  // empty: the command answers by itself
    std::size_t count = 1;      // of processes, before the command begins
    std::set<std::string> to;   // to whom alone it sends; empty: to all
    Descriptor log;             // gets a line for each message sent and received; not open: none
  };
  // `input`: the end to write of the command's input; `output`: the end to read of its output. If `count` is
  // more than 1, an empty line lets the command begin, before all other input.
  Pump(Terms terms, GroupLine line, Descriptor input, Descriptor output);

  void work();
  // By the main thread: the command has ended; what it has said goes out, then work() returns.
  // `lost`: the group does not count us any more, and nobody will read it.
  void command_ended(bool lost);
  bool bad_lines() const { return bad_lines_; }  // after work()

 private:
  void write_input(Instant now);
  void tell_written();
  void end_input(Instant now);
  void read_output(Instant now);
  void take_line(Instant now, std::string_view line);
  void take_state(Instant now);
  void ask_state_command(const std::string& snapshot);
  void let_begin();
  void tell(const cut::Note& note);
  void bad(const std::string& why);
  void put_line(const cut::Input& input);
  void log(record::Deed deed, const std::string& other, const std::string& body);
  void write_log();
  void wait_for_more();
  bool over();

  Terms terms_;
  GroupLine line_;
  std::unique_ptr<SpillFile> spill_ = std::make_unique<SpillFile>();
  cut::Member core_;
  cut::Speech speech_;
  Descriptor input_, output_;
  Descriptor wake_read_, wake_write_;
  std::atomic<bool> command_ended_ = false, lost_ = false;
  std::optional<Instant> away_since_;  // since then no peer carries what is left
  bool begun_ = false, input_ends_ = false;
  bool output_is_ready_ = true, input_has_no_reader_ = false;  // when it was looked at last
  std::string to_write_, read_;
  std::size_t written_ = 0;
  std::deque<std::size_t> input_ends_at_;  // in to_write_, of each that the core has handed over
  std::uint64_t returned_ = 0;
  std::uint64_t line_number_ = 0;
  bool bad_lines_ = false;
  bool skips_ = false;  // the rest of a line that is too long
  std::string log_;     // lines that are not written yet
  Descriptor state_;    // what the state command says
  std::string state_text_, state_of_;
};

}  // namespace coord::dsnapshot
