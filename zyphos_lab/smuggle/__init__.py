"""Request smuggling: techniques as data, and who reads them how."""
