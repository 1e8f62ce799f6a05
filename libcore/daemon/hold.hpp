// SPDX-License-Identifier: MIT
// The descriptor that a session's holders have open, and the kernel's word that nobody has it any more.
//
// It is the writing end of a FIFO that is the session's file: the tool gets it with its grant and the command
// inherits it. The reading end is ours and hangs up when the last writer is gone, however it went: a wrapper
// killed with -9 ends nothing while its command, or a background child of it, runs. As a file it also marks
// its holders (process/process_tree.hpp finds them in /proc by it), carries a shared flock(2) for whoever
// wants to ask from outside, and can be opened again.
//
// To make one takes three directory operations, as long as a fifth of an agreement between three peers:
// HoldStock makes the next one before it is asked for. Its name is a number of its own, which the record of
// the hold has.
//
// Threading: the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "process/process_tree.hpp"

namespace coord::daemon {

class Hold {
 public:
  // Makes the FIFO at `path`, where nothing is.
  static Result<std::unique_ptr<Hold>> make(boost::asio::io_context& io, const std::string& path);
  // Watches the FIFO that an earlier life of this peer made there; held() tells whether anybody is left.
  // `gone` is called at most once, never from here.
  static Result<std::unique_ptr<Hold>> reopen(boost::asio::io_context& io, const std::string& path,
                                              std::function<void()> gone);
  ~Hold() = default;  // the file stays: the next life of this peer may find its holders by it
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // The end to give away; ours is closed, and from now on the kernel watches. `gone` is called at most once,
  // never from here. Once, after make().
  Descriptor give(std::function<void()> gone);
  bool is_given() const { return !writer_.is_open(); }
  // Does anybody have it open now?
  bool held() const;
  process::Family::File file() const { return file_; }
  // The same, kept from becoming another file meanwhile: for a guard that may outlive this object.
  process::Family::File kept_file() const;
  void on_gone(std::function<void()> gone) { gone_ = std::move(gone); }
  void remove();  // the file: nobody will ask for it any more

 private:
  Hold(boost::asio::io_context& io, std::string path, Descriptor reader, Descriptor writer);
  void watch();

  std::string path_;
  boost::asio::posix::stream_descriptor reader_;
  Descriptor writer_;
  std::function<void()> gone_;
  process::Family::File file_{};
};

// The FIFOs of one directory, each under its number, the next one made already.
class HoldStock {
 public:
  HoldStock(boost::asio::io_context& io, std::string directory) : io_(io), directory_(std::move(directory)) {}

  struct Numbered {
    std::uint64_t number;
    std::unique_ptr<Hold> hold;
  };
  // ErrorKind::unavailable: the directory cannot be written, or no descriptors are left.
  Result<Numbered> take();
  // Makes the next one, if there is none: for a moment at which nobody waits. What fails is found by take().
  void refill();
  std::string path_of(std::uint64_t number) const;
  // Before anything is made: numbers from here on name nothing.
  void number_from(std::uint64_t next) { next_ = next; }

 private:
  boost::asio::io_context& io_;
  std::string directory_;
  std::uint64_t next_ = 1;  // of the one in stock, or else the next to be made
  std::unique_ptr<Hold> stock_;
};

}  // namespace coord::daemon
