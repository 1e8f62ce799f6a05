// SPDX-License-Identifier: MIT
#include "log_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.hpp"
#include "cli/estimate.hpp"
#include "cli/run.hpp"
#include "clock_file.hpp"

namespace coord::dclock {
namespace {

// Regular files are read by offset, so that a second reader of the same descriptor
// does not disturb the first.
class FileSource : public clock::ByteSource {
 public:
  using Told = std::shared_ptr<cli::Estimate>;
  FileSource(std::string name, std::shared_ptr<Descriptor> file, Told told = nullptr)
      : name_(std::move(name)), file_(std::move(file)), told_(std::move(told)) {
    struct stat status = {};
    regular_ = ::fstat(file_->get(), &status) == 0 && S_ISREG(status.st_mode);
    if (!regular_) return;
    const off_t here = ::lseek(file_->get(), 0, SEEK_CUR);
    begin_ = at_ = here > 0 ? here : 0;
    ::posix_fadvise(file_->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  Result<std::size_t> read(char* out, std::size_t size) override {
    for (;;) {
      const ssize_t count =
          regular_ ? ::pread(file_->get(), out, size, at_) : ::read(file_->get(), out, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error{ErrorKind::data, name_, std::strerror(errno), "give a readable log"};
      at_ += count;
      if (told_) told_->add(static_cast<std::uint64_t>(count));
      return static_cast<std::size_t>(count);
    }
  }

  std::unique_ptr<ByteSource> again() override {
    if (!regular_) return nullptr;
    auto second = std::make_unique<FileSource>(name_, file_);
    second->begin_ = second->at_ = begin_;
    return second;
  }

 private:
  std::string name_;
  std::shared_ptr<Descriptor> file_;
  Told told_;
  bool regular_ = false;
  off_t begin_ = 0, at_ = 0;
};

// Of all logs together; 0 where one of them is a pipe.
std::uint64_t bytes_of(const std::vector<std::shared_ptr<Descriptor>>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) {
    struct stat status = {};
    if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    bytes += static_cast<std::uint64_t>(status.st_size);
  }
  return bytes;
}

}  // namespace

void LogChoice::declare_options(cli::Options& verb) {
  verb.flag("--skip-bad", skip_bad, "go on after lines that cannot be read, and count them");
}

void LogChoice::declare(cli::Options& verb) {
  declare_options(verb);
  verb.operands("LOG", names, 0, cli::any_number, "event logs; - or none is standard input");
  verb.operand_completes(cli::Completion::file);
}

void declare_order(cli::Options& verb, clock::MergeOrder& order) {
  using clock::MergeOrder;
  verb.choice("--by", "ORDER", order,
              {{"clock", MergeOrder::clock}, {"wall", MergeOrder::wall}, {"hlc", MergeOrder::hybrid}},
              "of concurrent events: clock (default), wall or hlc");
}

Result<Readers> open_logs(const LogChoice& choice, clock::HostTable& hosts, bool quiet) {
  Readers readers;
  const auto bad_lines = choice.skip_bad ? clock::BadLines::skip : clock::BadLines::stop;
  const std::vector<std::string> standard_input{"-"};
  std::vector<std::string> names;
  std::vector<std::shared_ptr<Descriptor>> files;
  for (const std::string& name : choice.names.empty() ? standard_input : choice.names) {
    const bool is_stdin = name == "-";
    auto file =
        std::make_shared<Descriptor>(is_stdin ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                              : ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    const std::string shown = is_stdin ? "standard input" : name;
    if (!*file) return Error{ErrorKind::data, shown, std::strerror(errno), "give a readable log"};
    names.push_back(shown);
    files.push_back(std::move(file));
  }
  const auto told = quiet ? nullptr : std::make_shared<cli::Estimate>("merge", bytes_of(files));
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto source = std::make_unique<FileSource>(names[i], std::move(files[i]), told);
    readers.push_back(std::make_unique<clock::LogReader>(names[i], std::move(source), hosts, bad_lines));
  }
  return readers;
}

Result<std::unique_ptr<clock::LogMerge>> open_merge(const LogChoice& choice, clock::HostTable& hosts,
                                                    clock::MergeOrder order, bool quiet) {
  auto readers = open_logs(choice, hosts, quiet);
  if (!readers) return readers.error();
  auto merge = std::make_unique<clock::LogMerge>(hosts, order);
  for (auto& reader : *readers) merge->add(std::move(reader));
  return merge;
}

Result<std::unique_ptr<LoadedLog>> load(const LogChoice& choice, Texts texts, clock::MergeOrder order) {
  auto loaded = std::make_unique<LoadedLog>(texts == Texts::keep);
  auto merge = open_merge(choice, loaded->hosts, order, false);
  if (!merge) return merge.error();
  for (;;) {
    const auto event = (*merge)->next();
    if (!event) return event.error();
    if (*event == nullptr) break;
    if (is_scalar((*event)->line.clock.kind)) {
      return Error{ErrorKind::data, (*merge)->log((*event)->log).name(),
                   fmt::format("a {} clock does not tell causality from coincidence",
                               to_string((*event)->line.clock.kind)),
                   "stamp with --kind vector"};
    }
    loaded->events.add((*event)->line, (*event)->log, (*event)->line_number);
  }
  loaded->events.index();
  for (std::size_t i = 0; i < (*merge)->logs(); ++i) loaded->names.push_back((*merge)->log(i).name());
  tell_skipped((*merge)->skipped());
  return loaded;
}

void tell_skipped(std::uint64_t lines) {
  if (lines > 0)
    cli::notice("dclock", fmt::format("{}{}", lines, lines == 1 ? " line skipped" : " lines skipped"));
}

}  // namespace coord::dclock
