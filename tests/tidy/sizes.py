"""Size limits: lines of a file and of a function, cyclomatic complexity (counted by lizard, which
reads C++ and Python alike)."""

from collections.abc import Iterable

import lizard

from tidy.tree import Complaint, File

FILE_LINES = 500
FUNCTION_LINES = 50
COMPLEXITY = 10


def check_file_size(files: Iterable[File]) -> list[Complaint]:
    found = []
    for file in files:
        count = file.text.count("\n")
        if file.is_source and not file.is_made and count > FILE_LINES:
            what = f"{count} lines, at most {FILE_LINES}"
            found.append(Complaint(file.path, 0, "file-lines", what))
    return found


def check_functions(files: Iterable[File]) -> list[Complaint]:
    measured = [file for file in files if file.is_source and not file.is_made]
    return [complaint for file in measured for complaint in functions_of(file)]


def functions_of(file: File) -> list[Complaint]:
    """The functions of one file that are too long or too tangled."""
    found = []
    for function in lizard.analyze_file.analyze_source_code(file.path, file.text).function_list:
        name, line = function.name, function.start_line
        lines = function.end_line - line + 1
        if lines > FUNCTION_LINES:
            what = f"{name}: {lines} lines, at most {FUNCTION_LINES}"
            found.append(Complaint(file.path, line, "function-lines", what))
        if function.cyclomatic_complexity > COMPLEXITY:
            what = f"{name}: complexity {function.cyclomatic_complexity}, at most {COMPLEXITY}"
            found.append(Complaint(file.path, line, "complexity", what))
    return found
