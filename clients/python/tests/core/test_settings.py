import os
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from keyturn.settings import token_source


class TokenTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name, "token")
        self.file.write_text("of-the-file\n")

    def test_the_token_itself_wins_over_its_file_as_in_the_other_clients(self):
        both = {"KEYTURN_TOKEN": "of-the-variable", "KEYTURN_TOKEN_FILE": str(self.file)}
        with patch.dict(os.environ, both):
            self.assertEqual(token_source(None, None)(), "of-the-variable")
            self.assertEqual(token_source(None, self.file)(), "of-the-file", "an argument wins over both")
        with patch.dict(os.environ, {**both, "KEYTURN_TOKEN": ""}):
            self.assertEqual(token_source(None, None)(), "of-the-file")
